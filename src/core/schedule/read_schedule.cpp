// From a text to a schedule: which notation it is, and what other programs write that means something else here.
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/ascii.hpp"
#include "core/schedule/cron_fields.hpp"

namespace flowctl::schedule {

namespace {

constexpr const char* kNotations =
    "A schedule is '0 2 * * 1-5' (cron), '30 seconds', '@daily', 'cron(0 2 ? * MON-FRI *)', 'rate(5 minutes)' or "
    "'at(2026-03-01T09:00:00)'.";

Err<Problem> refuse(std::string message, std::string hint = kNotations) {
    return Err{Problem{std::move(message), std::move(hint)}};
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = text.find_first_not_of(" \t", at);
        if (begin == std::string_view::npos) break;
        const std::size_t end = std::min(text.find_first_of(" \t", begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        at = end;
    }
    return words;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

// What stands between the brackets of name(...).
std::optional<std::string_view> inside(std::string_view text, std::string_view name) {
    if (text.size() < name.size() + 2 || !same_without_case(text.substr(0, name.size()), name)) return std::nullopt;
    if (text[name.size()] != '(' || text.back() != ')') return std::nullopt;
    return trimmed(text.substr(name.size() + 1, text.size() - name.size() - 2));
}

Result<Schedule, Problem> checked(Result<Cron, Problem> cron) {
    if (!cron) return Err{cron.error()};
    if (next_wall_time(*cron, 0)) return Schedule(std::move(cron).value());
    const bool has_all_years = cron->years.all();
    return refuse(has_all_years ? "the schedule never comes, because no month that it names has such a day"
                                : "the schedule never comes, because no month that it names has such a day in its years",
                  "Name a day that exists; L is the last day of each month.");
}

Result<Schedule, Problem> read_cron(const std::vector<std::string_view>& words) {
    const bool has_seconds = words.size() == 6;
    std::vector<std::string_view> fields;
    if (!has_seconds) fields.push_back("0");
    fields.insert(fields.end(), words.begin(), words.end());
    fields.push_back("*");
    return checked(read_fields(fields, Weekdays::FromZero));
}

Result<Schedule, Problem> read_aws_cron(std::string_view text) {
    const std::vector<std::string_view> words = words_of(text);
    if (words.size() != 6)
        return refuse("cron() has " + std::to_string(words.size()) + " fields",
                      "It has six: minutes, hours, days of the month, months, days of the week, years.");
    const bool no_day = words[2] == "?", no_weekday = words[4] == "?";
    if (no_day == no_weekday)
        return refuse(no_day ? "cron() has ? for the days of the month and of the week"
                             : "cron() restricts the days of the month and of the week",
                      "Write ? in one of the two fields; the other one says which days are meant.");
    std::vector<std::string_view> fields = {"0"};
    fields.insert(fields.end(), words.begin(), words.end());
    return checked(read_fields(fields, Weekdays::FromOne));
}

Result<Schedule, Problem> read_interval(std::string_view number, std::string_view unit) {
    constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
        {"second", 1}, {"minute", 60}, {"hour", 3'600}, {"day", 86'400}, {"week", 604'800}};
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (number.empty() || end != number.data() + number.size() || (error == std::errc() && value < 1))
        return refuse("\"" + std::string(number) + "\" is no number of an interval",
                      "It is a whole number from 1, as in '5 minutes'.");
    if (unit.size() > 1 && ascii_lower(unit.back()) == 's') unit.remove_suffix(1);
    for (const auto& [name, seconds] : kUnits) {
        if (!same_without_case(name, unit)) continue;
        if (error != std::errc() || value > kMaxInterval / seconds)
            return refuse("the interval is longer than ten years", "Write it as a cron expression.");
        return Schedule(Interval{value * seconds});
    }
    return refuse("\"" + std::string(unit) + "\" is no unit of an interval",
                  "Units are seconds, minutes, hours, days and weeks; for months and years write a cron expression, "
                  "such as '0 0 1 * *'.");
}

// yyyy-mm-ddThh:mm:ss, with a blank or T between.
std::optional<WallTime> read_wall_time(std::string_view text) {
    constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
    if (text.size() != kShape.size()) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); i++) {
        const bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (kShape[i] == 'd' ? !is_digit : kShape[i] == 'T' ? text[i] != 'T' && text[i] != ' ' : text[i] != kShape[i])
            return std::nullopt;
    }
    const auto number = [&](std::size_t at, std::size_t length) {
        int value = 0;
        std::from_chars(text.data() + at, text.data() + at + length, value);
        return value;
    };
    namespace ch = std::chrono;
    const ch::year_month_day date{ch::year{number(0, 4)}, ch::month{static_cast<unsigned>(number(5, 2))},
                                  ch::day{static_cast<unsigned>(number(8, 2))}};
    const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
    if (!date.ok() || number(0, 4) < kFirstYear || number(0, 4) > kLastYear || hour > 23 || minute > 59 || second > 59)
        return std::nullopt;
    return ch::sys_days{date}.time_since_epoch().count() * std::int64_t{86'400} + hour * 3'600 + minute * 60 + second;
}

Result<Schedule, Problem> read_once(std::string_view text) {
    const auto at = read_wall_time(text);
    if (at) return Schedule(Once{*at});
    return refuse("\"" + std::string(text) + "\" is no time for at()",
                  "Write at(2026-03-01T09:00:00): a day and time that exist, from 1970 to 2199, without fractions and "
                  "without an offset, which the argument time_zone gives.");
}

std::optional<std::string_view> fields_of_macro(std::string_view text) {
    constexpr std::pair<std::string_view, std::string_view> kMacros[] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
        {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"}};
    for (const auto& [name, fields] : kMacros)
        if (same_without_case(name, text)) return fields;
    return std::nullopt;
}

// What other programs take and this one does not, with what to write instead.
std::optional<Problem> foreign(std::string_view text) {
    const std::string lower = ascii_lower(text);
    const auto begins = [&](std::string_view prefix) { return lower.starts_with(prefix); };
    if (begins("@reboot"))
        return Problem{"@reboot is no time", "A schedule cannot follow the start of the server; start the flow by "
                                             "flowctl.start() where that happens."};
    if (begins("@every"))
        return Problem{"@every is not known", "Write the interval alone, as in '5 minutes'."};
    if (begins("@"))
        return Problem{"\"" + std::string(text) + "\" is no schedule",
                       "The short forms are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually."};
    if (begins("cron_tz=") || begins("tz="))
        return Problem{"a schedule does not name its time zone", "Give it as the argument time_zone."};
    if (begins("rrule") || begins("dtstart") || begins("freq="))
        return Problem{"recurrence rules (RRULE) are not supported",
                       "Write a cron expression; 'FREQ=WEEKLY;BYDAY=MO;BYHOUR=9' is '0 9 * * MON'. For the n-th "
                       "weekday of a month write MON#2, for the last one MONL."};
    if (lower.size() > 1 && lower[0] == 'p' && (lower[1] == 't' || (lower[1] >= '0' && lower[1] <= '9')))
        return Problem{"durations of ISO 8601 are not supported", "Write PT5M as '5 minutes'."};
    return std::nullopt;
}

}  // namespace

Result<Schedule, Problem> parse(std::string_view text) {
    if (text.size() > kMaxTextBytes)
        return refuse("the schedule is longer than " + std::to_string(kMaxTextBytes) + " bytes");
    for (const char c : text)
        if ((c < ' ' && c != '\t') || c > '~') return refuse("the schedule has characters other than printable ASCII");
    text = trimmed(text);
    if (text.empty()) return refuse("the schedule is empty");
    if (const auto fields = inside(text, "cron")) return read_aws_cron(*fields);
    if (const auto wall = inside(text, "at")) return read_once(*wall);
    if (const auto rate = inside(text, "rate")) {
        const std::vector<std::string_view> words = words_of(*rate);
        if (words.size() == 2) return read_interval(words[0], words[1]);
        return refuse("rate() has \"" + std::string(*rate) + "\"", "It has a number and a unit, as in rate(5 minutes).");
    }
    if (const auto fields = fields_of_macro(text)) return read_cron(words_of(*fields));
    if (auto problem = foreign(text)) return Err{*std::move(problem)};
    std::vector<std::string_view> words = words_of(text);
    if (words.size() == 3 && same_without_case(words[0], "every")) words.erase(words.begin());
    if (words.size() == 2) return read_interval(words[0], words[1]);
    if (words.size() == 5 || words.size() == 6) return read_cron(words);
    if (words.size() == 7)
        return refuse("the schedule has seven fields",
                      "Years stand only in cron(...), which has no seconds: minutes, hours, days of the month, months, "
                      "days of the week, years.");
    return refuse("\"" + std::string(text) + "\" is no schedule");
}

}  // namespace flowctl::schedule
