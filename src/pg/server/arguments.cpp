// Reading arguments. See arguments.hpp.
#include "pg/server/arguments.hpp"

#include <algorithm>

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int index) {
    if (PG_ARGISNULL(index)) return std::nullopt;
    return from_text(PG_GETARG_DATUM(index));
}

std::optional<std::string> bounded_argument(FunctionCallInfo fcinfo, int index, const char* name,
                                            std::size_t most, const char* hint) {
    std::optional<std::string> text = text_argument(fcinfo, index);
    if (text && text->size() > most)
        throw UserError(ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
                        std::string(name) + " is longer than " + std::to_string(most) + " bytes", hint);
    return text;
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

std::int64_t micros_argument(FunctionCallInfo fcinfo, int index, std::int64_t otherwise) {
    if (PG_ARGISNULL(index)) return otherwise;
    const Interval* interval = PG_GETARG_INTERVAL_P(index);
    constexpr double kDay = 86'400e6;
    const double micros = static_cast<double>(interval->time) +
                          (static_cast<double>(interval->day) + 30.0 * interval->month) * kDay;
    return static_cast<std::int64_t>(std::clamp(micros, 0.0, 366 * kDay));
}

}  // namespace flowctl::pg
