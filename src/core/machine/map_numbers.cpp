// The numbers of a Map state; see map_numbers.hpp.
#include "core/machine/map_numbers.hpp"

#include "core/machine/errors.hpp"

namespace flowctl::machine {

namespace {

// The value if it is a number, or the number that it spells if it is a string.
json::Value number_in(const json::Value& value) {
    if (value.is_number()) return value;
    if (!value.is_string()) return {};
    auto parsed = json::parse(value.as_string());
    return parsed.ok() && parsed.value().is_number() ? parsed.value() : json::Value();
}

Failure not_a_number(std::string_view field, const path::Expression& path, const json::Value& value,
                     std::string_view wanted, const Evaluator& evaluator) {
    return evaluator.runtime("The " + std::string(field) + "Path field refers to value " + quoted_value(value) +
                             " which is not a valid " + std::string(wanted) + ": " + path.text());
}

}  // namespace

Evaluated<std::int64_t> count_of(const asl::Count& count, std::string_view field, Evaluator& evaluator,
                                 const json::Value& input) {
    if (count.query) {
        const auto value = evaluator.query(*count.query, field, json::Kind::Number);
        if (!value.ok()) return Err{value.error()};
        const auto integer = value.value().as_integer();
        if (integer && *integer >= 0) return *integer;
        return Err{evaluator.query_failure(
            integer ? std::string(field) + " cannot be negative."
                    : "The " + std::string(field) + " field has the value " + json::dump(value.value()) +
                          " which is not a valid integer: " + count.query->text,
            field)};
    }
    if (!count.path) return count.literal.value_or(0);
    const auto value = evaluator.evaluate(*count.path, input);
    if (!value.ok()) return Err{value.error()};
    const json::Value number = number_in(value.value());
    const auto integer = number.is_number() ? number.as_integer() : std::nullopt;
    if (!integer) return Err{not_a_number(field, *count.path, value.value(), "integer", evaluator)};
    if (*integer < 0) return Err{evaluator.runtime(std::string(field) + " cannot be negative.")};
    return *integer;
}

Evaluated<std::optional<double>> percentage_of(const asl::Percentage& percentage, Evaluator& evaluator,
                                               const json::Value& input) {
    constexpr std::string_view kField = "ToleratedFailurePercentage";
    constexpr std::string_view kOutOfRange = "ToleratedFailurePercentage must be between 0 and 100.";
    const auto in_range = [](double value) { return value >= 0.0 && value <= 100.0; };
    if (percentage.query) {
        const auto value = evaluator.query(*percentage.query, kField, json::Kind::Number);
        if (!value.ok()) return Err{value.error()};
        if (in_range(value.value().as_double())) return std::optional<double>(value.value().as_double());
        return Err{evaluator.query_failure(std::string(kOutOfRange), kField)};
    }
    if (!percentage.path) return percentage.literal;
    const auto value = evaluator.evaluate(*percentage.path, input);
    if (!value.ok()) return Err{value.error()};
    const json::Value number = number_in(value.value());
    if (!number.is_number())
        return Err{not_a_number(kField, *percentage.path, value.value(), "float", evaluator)};
    if (in_range(number.as_double())) return std::optional<double>(number.as_double());
    return Err{evaluator.runtime(std::string(kOutOfRange))};
}

}  // namespace flowctl::machine
