// See run_arguments.hpp.
#include "pg/control/run_arguments.hpp"

#include "core/json.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

Uuid run_id_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "run_id must not be null",
                        "Pass the uuid that flowctl.start() returned.");
    return from_pg(PG_GETARG_UUID_P(0));
}

std::optional<std::string> reason_argument(FunctionCallInfo fcinfo, int index) {
    return bounded_argument(fcinfo, index, "reason", 1'024, "Shorten it.");
}

StartRequest start_arguments(FunctionCallInfo fcinfo, int flow, int input, int name) {
    StartRequest request;
    request.flow = required_argument(fcinfo, flow, "flow", "Name the flow to start.");
    const std::optional<std::string> text = jsonb_argument_text(fcinfo, input);
    if (!text) {
        request.input = "{}";
    } else {
        // jsonb prints a blank after colons and commas; payloads are kept compact. That takes less than half
        // of the bytes away, so what is more than twice too large is refused (start_run) without being read.
        json::ParseLimits limits;
        limits.max_bytes = 2 * static_cast<std::size_t>(guc::max_payload_bytes);
        const auto parsed = json::parse(*text, limits);
        request.input = parsed ? json::dump(*parsed) : *text;
        request.input_is_fit = parsed.ok();
        if (parsed) request.input_value = *parsed;
    }
    request.name = text_argument(fcinfo, name);
    request.starter = GetUserId();
    request.must_may_start = GetUserId();
    return request;
}

}  // namespace flowctl::pg
