// Reading arguments. See arguments.hpp.
#include "pg/server/arguments.hpp"

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) return std::nullopt;
    return from_text(PG_GETARG_DATUM(index));
}

std::optional<std::string> jsonb_argument_text(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) return std::nullopt;
    return guarded([&]() -> const char* {
        Jsonb* value = PG_GETARG_JSONB_P(index);
        return JsonbToCString(nullptr, &value->root, static_cast<int>(VARSIZE(value)));
    });
}

std::string required_argument(FunctionCallInfo fcinfo, int index, const char* name, const char* hint) {
    auto text = text_argument(fcinfo, index);
    if (!text) throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string(name) + " must not be null", hint);
    return *std::move(text);
}

}  // namespace flowctl::pg
