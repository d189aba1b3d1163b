// Dates written by picture. See format_date.hpp.
#include "core/jsonata/format_date.hpp"

#include <cmath>

#include "core/jsonata/calendar.hpp"
#include "core/jsonata/date_picture.hpp"
#include "core/jsonata/error.hpp"
#include "core/text/case.hpp"

namespace flowctl::jsonata {

namespace {

std::string format_zone(const DatePart& part, double hours, double minutes, Budget& budget) {
    const double offset = hours * 100 + minutes;
    if (offset == 0 && part.modifier == 't') return "Z";
    const IntegerPicture& picture = *part.integer;
    std::string text;
    if (picture.regular > 0) {
        text = format_integer(offset, picture, budget);
    } else if (picture.mandatory == 1 || picture.mandatory == 2) {
        text = format_integer(hours, picture, budget);
        if (minutes != 0) text += ":" + format_integer(minutes, analyse_integer_picture("00"), budget);
    } else if (picture.mandatory == 3 || picture.mandatory == 4) {
        text = format_integer(offset, picture, budget);
    } else {
        throw Raised{.code = "D3134", .value = std::to_string(picture.mandatory)};
    }
    if (offset >= 0) text.insert(0, "+");
    return part.component == 'z' ? "GMT" + text : text;
}

std::string cased(std::string_view name, DatePart::Names names) {
    if (names == DatePart::Names::Upper) return text::to_upper(name);
    if (names == DatePart::Names::Lower) return text::to_lower(name);
    return std::string(name);
}

std::string format_component(const Moment& moment, const DatePart& part, Budget& budget) {
    double value = component_value(moment, part.component);
    if (part.component == 'P') {
        const std::string_view name = value == 1 ? "pm" : "am";
        return part.names == DatePart::Names::Upper ? text::to_upper(name) : std::string(name);
    }
    if (part.component == 'C' || part.component == 'E') return "ISO";
    if (part.names != DatePart::Names::None) {
        std::string name;
        if (part.component == 'M' || part.component == 'x') {
            name = cased(kMonths[static_cast<std::size_t>(value) - 1], part.names);
        } else if (part.component == 'F') {
            name = cased(kDays[static_cast<std::size_t>(value)], part.names);
        } else {
            raise_no_names(part.component);
        }
        if (part.most && static_cast<double>(name.size()) > *part.most) {
            name.resize(static_cast<std::size_t>(*part.most));
        }
        return name;
    }
    if (part.component == 'Y' && part.year_digits >= 0)
        value = std::fmod(value, std::pow(10, part.year_digits));
    return format_integer(value, *part.integer, budget);
}

}  // namespace

std::string format_date(double milliseconds, std::optional<std::string_view> picture,
                        std::optional<std::string_view> zone, Budget& budget) {
    double hours = 0;
    double minutes = 0;
    if (zone) {
        const double offset = leading_integer(*zone);
        hours = std::floor(offset / 100);
        minutes = std::fmod(offset, 100);
    }
    const std::string_view text = picture.value_or("[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]");
    budget.step(text.size() * 16);
    budget.bytes(text.size() * 32);
    milliseconds = std::trunc(milliseconds) + (60 * hours + minutes) * 60000;
    if (!(std::abs(milliseconds) <= kMaxMilliseconds)) {
        throw Raised{.code = "D1001", .value = "null", .message = "The timestamp is out of range"};
    }
    const Moment moment(milliseconds);
    std::string out;
    for (const DatePart& part : analyse_date_picture(text)) {
        if (part.literal) {
            out += part.text;
        } else if (part.component == 'Z' || part.component == 'z') {
            out += format_zone(part, hours, minutes, budget);
        } else {
            out += format_component(moment, part, budget);
        }
    }
    return out;
}

}  // namespace flowctl::jsonata
