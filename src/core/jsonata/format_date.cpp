// Dates by picture, in the proleptic Gregorian calendar. A picture is cut into literals and markers; a marker
// has a component, a presentation (digits, letters, words, names) and perhaps a width.
#include "core/jsonata/format_date.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/jsonata/ecmascript_regex.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/format_integer.hpp"
#include "core/text/case.hpp"

namespace flowctl::jsonata {
namespace {

constexpr double kDay = 86400000;
constexpr double kMaxMilliseconds = 8.64e15;
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
constexpr std::string_view kDays[] = {"",         "Monday", "Tuesday",  "Wednesday",
                                      "Thursday", "Friday", "Saturday", "Sunday"};

// ------------------------------------------------------------------------------------------ the calendar

// Days since 1970 of a day of the proleptic Gregorian calendar (Hinnant's algorithm); months beyond a year
// carry.
double days_from_civil(double year, double month, double day) {
    year += std::floor(month / 12);
    month -= 12 * std::floor(month / 12);
    const double y = month < 2 ? year - 1 : year;
    const double era = std::floor(y / 400);
    const double of_era = y - era * 400;
    const double shifted = month < 2 ? month + 10 : month - 2;
    const double of_year = std::floor((153 * shifted + 2) / 5) + day - 1;
    return era * 146097 + of_era * 365 + std::floor(of_era / 4) - std::floor(of_era / 100) + of_year - 719468;
}

double utc(double year, double month, double day = 1) {
    return days_from_civil(year, month, day) * kDay;
}

struct Moment {
    double milliseconds = 0;
    double year = 0, month = 0, day = 0;  // month from 0
    double hour = 0, minute = 0, second = 0, fraction = 0;
    double weekday = 0;  // Monday is 1

    explicit Moment(double ms) : milliseconds(ms) {
        const double days = std::floor(ms / kDay);
        double rest = ms - days * kDay;
        const double z = days + 719468;
        const double era = std::floor(z / 146097);
        const double of_era = z - era * 146097;
        const double year_of_era = std::floor(
            (of_era - std::floor(of_era / 1460) + std::floor(of_era / 36524) - std::floor(of_era / 146096)) /
            365);
        const double of_year =
            of_era - (365 * year_of_era + std::floor(year_of_era / 4) - std::floor(year_of_era / 100));
        const double shifted = std::floor((5 * of_year + 2) / 153);
        day = of_year - std::floor((153 * shifted + 2) / 5) + 1;
        month = shifted < 10 ? shifted + 2 : shifted - 10;
        year = year_of_era + era * 400 + (month < 2 ? 1 : 0);
        hour = std::floor(rest / 3600000);
        rest -= hour * 3600000;
        minute = std::floor(rest / 60000);
        rest -= minute * 60000;
        second = std::floor(rest / 1000);
        fraction = std::floor(rest - second * 1000);
        weekday = std::fmod(std::fmod(days + 3, 7) + 7, 7) + 1;
    }
};

// The Monday of the week that has the first Thursday of the year or month.
double start_of_first_week(double year, double month) {
    const double first = utc(year, month);
    const double weekday = Moment(first).weekday;
    return weekday > 4 ? first + (8 - weekday) * kDay : first - (weekday - 1) * kDay;
}

double week_number(double start, double day) {
    return (day - start) / (7 * kDay) + 1;
}

// The value of an integer component.
double component_value(const Moment& m, char component) {
    const double today = utc(m.year, m.month, m.day);
    switch (component) {
        case 'Y':
            return m.year;
        case 'M':
            return m.month + 1;
        case 'D':
            return m.day;
        case 'd':
            return (today - utc(m.year, 0)) / kDay + 1;
        case 'F':
            return m.weekday;
        case 'W': {
            double week = week_number(start_of_first_week(m.year, 0), today);
            if (week > 52) {
                if (today >= start_of_first_week(m.year + 1, 0)) week = 1;
            } else if (week < 1) {
                week = week_number(start_of_first_week(m.year - 1, 0), today);
            }
            return std::floor(week);
        }
        case 'w': {
            double week = week_number(start_of_first_week(m.year, m.month), today);
            if (week > 4) {
                if (today >= start_of_first_week(m.year, m.month + 1)) week = 1;
            } else if (week < 1) {
                week = week_number(start_of_first_week(m.year, m.month - 1), today);
            }
            return std::floor(week);
        }
        case 'X':
            if (m.milliseconds < start_of_first_week(m.year, 0)) return m.year - 1;
            return m.milliseconds >= start_of_first_week(m.year + 1, 0) ? m.year + 1 : m.year;
        case 'x': {
            double month = m.month;
            if (m.milliseconds < start_of_first_week(m.year, m.month)) {
                month -= 1;
            } else if (m.milliseconds >= start_of_first_week(m.year, m.month + 1)) {
                month += 1;
            }
            return month - 12 * std::floor(month / 12) + 1;
        }
        case 'H':
            return m.hour;
        case 'h':
            return std::fmod(m.hour, 12) == 0 ? 12 : std::fmod(m.hour, 12);
        case 'P':
            return m.hour >= 12 ? 1 : 0;
        case 'm':
            return m.minute;
        case 's':
            return m.second;
        case 'f':
            return m.fraction;
        default:
            return 0;
    }
}

// ------------------------------------------------------------------------------------------ pictures

struct Part {
    enum class Names : std::uint8_t { None, Upper, Lower, Title };
    bool literal = false;
    std::string text;  // of a literal
    char component = 0;
    char modifier = 0;  // second presentation modifier
    Names names = Names::None;
    std::optional<double> least, most;  // width
    std::optional<IntegerPicture> integer;
    double year_digits = -1;  // so many last digits of the year
};

std::string_view default_presentation(char component) {
    switch (component) {
        case 'Y':
        case 'M':
        case 'D':
        case 'd':
        case 'W':
        case 'w':
        case 'X':
        case 'x':
        case 'H':
        case 'h':
        case 'f':
            return "1";
        case 'F':
        case 'P':
        case 'C':
        case 'E':
            return "n";
        case 'm':
        case 's':
            return "01";
        case 'Z':
        case 'z':
            return "01:01";
        default:
            return "";
    }
}

std::optional<double> width_of_text(std::string_view text) {
    if (text.empty() || text == "*") return std::nullopt;
    double value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') break;
        value = value * 10 + (c - '0');
    }
    return std::fmin(value, 1000);
}

Part marker(std::string_view given, std::vector<Part>& before) {
    std::string text;
    for (const char c : given) {
        if (std::string_view(" \t\n\r\v\f").find(c) == std::string_view::npos) text.push_back(c);
    }
    Part part;
    if (!text.empty()) part.component = text[0];
    std::string presentation = text.empty() ? "" : text.substr(1);
    if (const std::size_t comma = text.rfind(','); comma != std::string::npos && comma > 0) {
        const std::string width = text.substr(comma + 1);
        const std::size_t dash = width.find('-');
        part.least = width_of_text(std::string_view(width).substr(0, dash));
        if (dash != std::string::npos) part.most = width_of_text(std::string_view(width).substr(dash + 1));
        presentation = text.substr(1, comma - 1);
    }
    if (presentation.size() > 1 &&
        std::string_view("atco").find(presentation.back()) != std::string_view::npos) {
        part.modifier = presentation.back();
        presentation.pop_back();
    }
    if (default_presentation(part.component).empty()) {
        throw Raised{.code = "D3132", .value = quoted(std::string_view(text).substr(0, 1))};
    }
    if (presentation.empty()) presentation = default_presentation(part.component);

    if (presentation[0] == 'n') {
        part.names = Part::Names::Lower;
    } else if (presentation[0] == 'N') {
        part.names =
            presentation.size() > 1 && presentation[1] == 'n' ? Part::Names::Title : Part::Names::Upper;
    } else if (std::string_view("YMDdFWwXxHhmsf").find(part.component) != std::string_view::npos) {
        if (part.modifier != 0) presentation += std::string(";") + part.modifier;
        part.integer = analyse_integer_picture(presentation);
        IntegerPicture& integer = *part.integer;
        if (part.least && static_cast<double>(integer.mandatory) < *part.least) {
            integer.mandatory = static_cast<std::size_t>(*part.least);
        }
        if (part.component == 'Y') {
            if (part.most) {
                part.year_digits = *part.most;
                integer.mandatory = static_cast<std::size_t>(*part.most);
            } else if (integer.has_digits && integer.mandatory + integer.optional >= 2) {
                part.year_digits = static_cast<double>(integer.mandatory + integer.optional);
            }
        }
        // Digits that follow digits can only be told apart when the first have a fixed width.
        if (!before.empty() && before.back().integer) {
            before.back().integer->parse_width = before.back().integer->mandatory;
        }
    }
    if (part.component == 'Z' || part.component == 'z') part.integer = analyse_integer_picture(presentation);
    return part;
}

std::vector<Part> analyse(std::string_view picture) {
    std::vector<Part> parts;
    const auto literal = [&](std::string_view text) {
        if (text.empty()) return;
        Part part;
        part.literal = true;
        for (std::size_t at = 0; at < text.size(); ++at) {
            part.text.push_back(text[at]);
            if (text.substr(at, 2) == "]]") ++at;
        }
        parts.push_back(std::move(part));
    };
    std::size_t start = 0;
    std::size_t at = 0;
    while (at < picture.size()) {
        if (picture[at] != '[') {
            ++at;
            continue;
        }
        literal(picture.substr(start, at - start));
        if (picture.substr(at, 2) == "[[") {
            literal("[");
            at += 2;
        } else {
            const std::size_t end = picture.find(']', at);
            if (end == std::string_view::npos) throw Raised{.code = "D3135"};
            Part part = marker(picture.substr(at + 1, end - at - 1), parts);
            parts.push_back(std::move(part));
            at = end + 1;
        }
        start = at;
    }
    literal(picture.substr(start));
    return parts;
}

[[noreturn]] void raise_no_names(char component) {
    throw Raised{.code = "D3133", .value = quoted(std::string_view(&component, 1))};
}

// ------------------------------------------------------------------------------------------ formatting

std::string format_zone(const Part& part, double hours, double minutes, Budget& budget) {
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

std::string cased(std::string_view name, Part::Names names) {
    if (names == Part::Names::Upper) return text::to_upper(name);
    if (names == Part::Names::Lower) return text::to_lower(name);
    return std::string(name);
}

std::string format_component(const Moment& moment, const Part& part, Budget& budget) {
    double value = component_value(moment, part.component);
    if (part.component == 'P') {
        const std::string_view name = value == 1 ? "pm" : "am";
        return part.names == Part::Names::Upper ? text::to_upper(name) : std::string(name);
    }
    if (part.component == 'C' || part.component == 'E') return "ISO";
    if (part.names != Part::Names::None) {
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

double leading_integer(std::string_view text) {
    double value = 0;
    bool negative = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 0 && (text[i] == '-' || text[i] == '+')) {
            negative = text[i] == '-';
        } else if (text[i] >= '0' && text[i] <= '9') {
            value = value * 10 + (text[i] - '0');
        } else {
            break;
        }
    }
    return negative ? -value : value;
}

// ------------------------------------------------------------------------------------------ parsing

std::string pattern_of(const Part& part) {
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

std::optional<double> zone_minutes(std::string_view text, const Part& part) {
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

std::optional<double> value_of(std::string_view text, const Part& part) {
    if (part.component == 'Z' || part.component == 'z') return zone_minutes(text, part);
    // A fraction of a second, to the millisecond, however many digits the picture shows.
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
    for (const Part& part : analyse(text)) {
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

std::optional<double> parse_date(std::string_view text, std::string_view picture, double now,
                                 Budget& budget) {
    budget.step(picture.size() * 64);
    budget.bytes(picture.size() * 256);
    const std::vector<Part> parts = analyse(picture);
    std::string pattern = "^";
    for (const Part& part : parts)
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

    // Which components make up the date and the time: those given must be of one kind.
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

    // What is open above is now, what is open below is the least; nothing may be open in between.
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
