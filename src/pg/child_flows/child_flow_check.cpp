// See child_flow_check.hpp.
#include "pg/child_flows/child_flow_check.hpp"

#include "pg/child_flows/execution_request.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg::child_flows {

std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task) {
    const auto flow = flow_of(resource, task.input);
    if (!flow || !task.role || *flow == task.flow) return {};
    const auto wrong = objection_to_start(*flow, *task.role);
    if (!wrong) return {};
    Objection objection{kNotFound, "the run will not be able to start flow \"" + *flow + "\": " + *wrong,
                        true};
    return {std::move(objection)};
}

}  // namespace flowctl::pg::child_flows
