// Implementation of failure_part.hpp.
#include "pg/failure_flows/failure_part.hpp"

#include <algorithm>

#include "pg/rights/denials.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/failed_runs.hpp"
#include "pg/store/known_options.hpp"

namespace flowctl::pg {

namespace {

// {run_id, error, cause, input}; without the input where that would be larger than a payload may be.
std::string input_of_handler(const store::FailedRun& run, const std::optional<json::Value>& input) {
    const auto text_or_null = [](const std::optional<std::string>& text) {
        return text ? json::Value::string(*text) : json::Value();
    };
    json::Value given;
    if (input) {
        given = *input;
    } else {
        json::ParseLimits limits;
        limits.max_bytes = run.input.size() + 1;
        auto parsed = json::parse(run.input, limits);
        if (parsed) given = std::move(parsed).value();
    }
    const auto with = [&](json::Value value) {
        return json::dump(json::ObjectBuilder()
                              .add("run_id", to_string(run.run_id))
                              .add("error", text_or_null(run.error))
                              .add("cause", text_or_null(run.cause))
                              .add("input", std::move(value))
                              .build());
    };
    std::string text = with(std::move(given));
    if (text.size() > static_cast<std::size_t>(guc::max_payload_bytes)) text = with(json::Value());
    return text;
}

store::NewRun make_handler(const std::string& flow, const store::FailedRun& run,
                           const std::optional<json::Value>& input) {
    ParentRun parent;
    parent.id = run.run_id;
    parent.depth = run.depth;
    parent.traceparent = run.traceparent;
    StartRequest request;
    request.flow = flow;
    request.input = input_of_handler(run, input);
    request.input_is_fit = true;
    request.starter = run.flow_owner;
    request.must_may_start = run.flow_owner;
    request.only_looks = true;  // what is denied is recorded here
    request.parent = &parent;
    store::NewRun handler = make_run(request);
    handler.session_user = run.flow_owner;
    return handler;
}

void deny(Spi& spi, const std::string& flow, const store::FailedRun& run, const std::string& why) {
    denials::record(spi, denials::DeniedStart{run.run_id, run.flow_owner, flow,
                                              "option on_failure of flow \"" + run.flow + "\": " + why});
}

}  // namespace

void FailurePart::write(Spi& spi, const Changes& changes) {
    if (changes.failed.empty()) return;
    std::vector<Uuid> ids;
    for (const Changes::Failed& failed : changes.failed)
        ids.push_back(failed.id);
    std::vector<store::NewRun> handlers;
    for (const store::FailedRun& run : store::find_failed_runs(spi, ids)) {
        const auto options = store::options_of_flow(spi, run.flow_id);
        if (!options->on_failure) continue;
        const auto failed = std::find_if(changes.failed.begin(), changes.failed.end(),
                                         [&](const Changes::Failed& one) { return one.id == run.run_id; });
        if (run.depth + 1 > guc::max_flow_depth) {
            deny(spi, *options->on_failure, run,
                 "the run is " + std::to_string(run.depth) + " flows deep, and flowctl.max_flow_depth is " +
                     std::to_string(guc::max_flow_depth));
            continue;
        }
        try {
            handlers.push_back(make_handler(*options->on_failure, run, failed->input));
        } catch (const UserError& error) {
            deny(spi, *options->on_failure, run, error.message);
        }
    }
    if (handlers.empty()) return;
    store::insert_runs(handlers.data(), handlers.size());
    for (const store::NewRun& handler : handlers)
        wake::note_started_run({handler.run_id, handler.flow_owner, handler.wait.has_value()});
}

}  // namespace flowctl::pg
