// Reads dates by picture and in ISO 8601. See format_date.hpp.
#include <array>
#include <cmath>
#include <vector>

#include "core/jsonata/calendar.hpp"
#include "core/jsonata/date_picture.hpp"
#include "core/jsonata/ecmascript_regex.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/format_date.hpp"

namespace flowctl::jsonata {

namespace {

std::string pattern_of(const DatePart& part) {
    if (part.literal) {
        std::string pattern;
        for (const char c : part.text) {
            if (std::string_view(".*+?^${}()|[]\\").find(c) != std::string_view::npos)
                pattern.push_back('\\');
            pattern.push_back(c);
        }
        return pattern;
    }
    if (part.component == 'Z' || part.component == 'z') {
        std::string pattern = part.component == 'z' ? "GMT[-+][0-9]+" : "[-+][0-9]+";
        if (part.integer->regular > 0) pattern += ":[0-9]+";
        return pattern;
    }
    if (part.component == 'f') return "[0-9]+";
    if (part.integer) return integer_pattern(*part.integer);
    if (std::string_view("MxFP").find(part.component) == std::string_view::npos)
        raise_no_names(part.component);
    return "[a-zA-Z]+";
}

std::optional<double> zone_minutes(std::string_view text, const DatePart& part) {
    if (part.component == 'z') text.remove_prefix(std::min<std::size_t>(3, text.size()));
    double hours = 0;
    double minutes = 0;
    if (part.integer->regular > 0) {
        const std::size_t colon = text.find(':');
        hours = leading_integer(text.substr(0, colon));
        if (colon != std::string_view::npos) minutes = leading_integer(text.substr(colon + 1));
    } else if (text.size() <= 3) {
        hours = leading_integer(text);
    } else {
        hours = leading_integer(text.substr(0, 3));
        minutes = leading_integer(text.substr(3));
    }
    return hours * 60 + minutes;
}

std::optional<double> value_of(std::string_view text, const DatePart& part) {
    if (part.component == 'Z' || part.component == 'z') return zone_minutes(text, part);
    // A fraction of a second is read to the millisecond, however many digits the picture shows.
    if (part.component == 'f')
        return std::trunc(json::Value::number_text("0." + std::string(text.substr(0, 3))).as_double() * 1000);
    if (part.integer) return parse_integer(text, *part.integer);
    if (part.component == 'P') {
        if (text == "am" || text == "AM") return 0;
        if (text == "pm" || text == "PM") return 1;
        return std::nullopt;
    }
    const auto named = [&](std::string_view name) {
        if (part.most && *part.most > 0) name = name.substr(0, static_cast<std::size_t>(*part.most));
        return name == text;
    };
    if (part.component == 'F') {
        for (std::size_t i = 1; i < std::size(kDays); ++i) {
            if (named(kDays[i])) return static_cast<double>(i);
        }
        return std::nullopt;
    }
    for (std::size_t i = 0; i < std::size(kMonths); ++i) {
        if (named(kMonths[i])) return static_cast<double>(i + 1);
    }
    return std::nullopt;
}

}  // namespace

std::optional<double> parse_date(std::string_view text, std::string_view picture, double now,
                                 Budget& budget) {
    budget.step(picture.size() * 64);
    budget.bytes(picture.size() * 256);
    const std::vector<DatePart> parts = analyse_date_picture(picture);
    std::string pattern = "^";
    for (const DatePart& part : parts)
        pattern += "(" + pattern_of(part) + ")";
    budget.bytes(pattern.size() * 64);
    const auto regex = Regex::compile(pattern + "$", "i");
    if (!regex.ok()) return std::nullopt;
    Match match;
    if (!regex.value()->find(text, 0, budget, match)) return std::nullopt;

    std::array<std::optional<double>, 128> components{};
    const auto of = [&](char c) -> std::optional<double>& { return components[static_cast<std::size_t>(c)]; };
    bool any = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].literal) continue;
        any = true;
        const std::size_t start = match.bounds[2 * i + 2];
        of(parts[i].component) = value_of(text.substr(start, match.bounds[2 * i + 3] - start), parts[i]);
    }
    if (!any) return std::nullopt;

    // Which components make up the date and the time. The given components must be of one kind.
    const auto only = [&](std::string_view all, std::string_view kind) {
        bool found = false;
        for (const char c : all) {
            if (!of(c)) continue;
            if (kind.find(c) == std::string_view::npos) return false;
            found = true;
        }
        return found;
    };
    constexpr std::string_view kDate = "YXMxWwdD";
    constexpr std::string_view kTime = "PHhmsf";
    const bool by_day_of_year = !only(kDate, "YMD") && only(kDate, "Yd");
    const bool by_week_of_month = only(kDate, "Xxw");
    const bool by_week = !by_week_of_month && only(kDate, "XW");
    const bool by_half_day = !only(kTime, "Hmsf") && only(kTime, "Phmsf");
    std::string order = by_day_of_year ? "Yd" : by_week_of_month ? "XxwF" : by_week ? "XWF" : "YMD";
    order += by_half_day ? "Phmsf" : "Hmsf";

    // Components above the given ones are taken from now, and those below have their least value. There must
    // be no gap between the given ones.
    bool started = false;
    bool ended = false;
    const Moment present(now);
    for (const char c : order) {
        if (of(c)) {
            started = true;
            if (ended) throw Raised{.code = "D3136"};
        } else if (started) {
            of(c) = c == 'M' || c == 'D' || c == 'd' ? 1 : 0;
            ended = true;
        } else {
            of(c) = component_value(present, c);
        }
    }
    if (by_week || by_week_of_month) throw Raised{.code = "D3136"};
    if (by_half_day) of('H') = (*of('h') == 12 ? 0 : *of('h')) + (*of('P') == 1 ? 12 : 0);
    double days = 0;
    if (by_day_of_year) {
        days = days_from_civil(*of('Y'), 0, 1) + *of('d') - 1;
    } else {
        days = days_from_civil(*of('Y'), std::fmax(0, *of('M') - 1), *of('D'));
    }
    double result = days * kDay + *of('H') * 3600000 + *of('m') * 60000 + *of('s') * 1000 + *of('f');
    const std::optional<double> zone = of('Z') ? of('Z') : of('z');
    if (zone) result -= *zone * 60000;
    if (!(std::abs(result) <= kMaxMilliseconds)) return std::nullopt;
    return result;
}

std::optional<double> parse_iso_date(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&](std::size_t count) -> std::optional<double> {
        double value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (at + i >= text.size() || text[at + i] < '0' || text[at + i] > '9') return std::nullopt;
            value = value * 10 + (text[at + i] - '0');
        }
        at += count;
        return value;
    };
    const auto is = [&](char c) { return at < text.size() && text[at] == c; };
    const auto take = [&](char c) { return is(c) && ++at > 0; };
    const std::optional<double> year = digits(4);
    if (!year) return std::nullopt;
    std::optional<double> month = 1, day = 1, hour = 0, minute = 0, second = 0;
    double fraction = 0;
    if (is('-') && text.size() > 4) {
        ++at;
        month = digits(2);
        if (month && take('-')) day = digits(2);
    }
    if (!month || !day) return std::nullopt;
    if (*month < 1 || *month > 12 || *day < 1 ||
        *day > days_from_civil(*year, *month, 1) - days_from_civil(*year, *month - 1, 1)) {
        return std::nullopt;
    }
    double zone = 0;
    if (take('T')) {
        hour = digits(2);
        if (!hour || !take(':') || !(minute = digits(2)) || !take(':') || !(second = digits(2)))
            return std::nullopt;
        if (take('.')) {
            double scale = 100;
            const std::size_t from = at;
            for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
                if (scale >= 1) fraction += (text[at] - '0') * scale;
            }
            if (at == from) return std::nullopt;
        }
        if (*hour > 24 || *minute > 59 || *second > 59 || (*hour == 24 && *minute + *second + fraction > 0)) {
            return std::nullopt;
        }
        if (!take('Z') && (is('+') || is('-'))) {
            const double sign = text[at++] == '-' ? -1 : 1;
            const std::optional<double> zone_hours = digits(2);
            take(':');
            const std::optional<double> zone_minutes_given = digits(2);
            if (!zone_hours || !zone_minutes_given || *zone_minutes_given > 59) return std::nullopt;
            zone = sign * (*zone_hours * 60 + *zone_minutes_given);
        }
    } else {
        take('Z');
    }
    if (at != text.size()) return std::nullopt;
    return utc(*year, *month - 1, *day) + *hour * 3600000 + *minute * 60000 + *second * 1000 +
           std::floor(fraction) - zone * 60000;
}

}  // namespace flowctl::jsonata
