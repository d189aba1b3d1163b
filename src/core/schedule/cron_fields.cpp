// The fields of a cron expression. See cron_fields.hpp.
//
//   field  = item {"," item}
//   item   = range ["/" step]       and what days alone have: L, L-n, LW, nW, $ (L); nL, n#k
//   range  = "*" | "?" | value | value "-" value
//
// A value with a step and without an end goes to the largest value. A range whose end is smaller than its beginning
// goes over the end (FRI-MON, 22-2), except in years.
#include "core/schedule/cron_fields.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "base/ascii.hpp"

namespace flowctl::schedule {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct FieldKind {
    const char* name;
    int least, most;
};
constexpr FieldKind kKinds[] = {
    {"seconds", 0, 59},           {"minutes", 0, 59}, {"hours", 0, 23},
    {"days of the month", 1, 31}, {"months", 1, 12},  {"days of the week", 0, 7},
    {"years", kFirstYear, kLastYear},
};
enum Field : std::size_t { Seconds, Minutes, Hours, Days, Months, WeekdaysField, Years };

// How a problem is told from within; caught by read_fields() alone.
struct Refusal {
    Problem problem;
};

class FieldReader {
  public:
    FieldReader(Field field, std::string_view text, Weekdays numbering)
        : field_(field), kind_(kKinds[field]), text_(text), numbering_(numbering) {
        if (field == WeekdaysField && numbering == Weekdays::FromOne) kind_.least = 1;
    }

    // Calls `take` with each value, and `special` with each item; what that takes is no range.
    template <class Take, class Special>
    void read(Take&& take, Special&& special) {
        std::string_view rest = text_;
        for (;;) {
            const std::size_t comma = rest.find(',');
            const std::string_view item = rest.substr(0, comma);
            if (item.empty()) refuse("has an empty item", "Items are separated by single commas.");
            if (!special(item)) read_range(item, take);
            if (comma == std::string_view::npos) return;
            rest.remove_prefix(comma + 1);
        }
    }

    int value(std::string_view word) const {
        if (const auto named = named_value(word)) return *named;
        int number = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        const bool is_number = !word.empty() && end == word.data() + word.size() && word.front() != '-';
        if (is_number && error == std::errc() && number >= kind_.least && number <= kind_.most) return number;
        if (is_number)
            refuse("has the value " + std::string(word),
                   "Values of this field go from " + std::to_string(kind_.least) + " to " +
                       std::to_string(kind_.most) + ".");
        refuse("has \"" + std::string(word) + "\"", field_ == WeekdaysField || field_ == Months
                                                        ? "A value is a number or a name of three letters."
                                                        : "A value is a number.");
    }
    int weekday(std::string_view word) const { return to_weekday(value(word)); }
    // From Sunday, which is 0.
    int to_weekday(int number) const {
        return numbering_ == Weekdays::FromOne ? number - 1 : number % 7;
    }

    [[noreturn]] void refuse(const std::string& what, std::string hint) const {
        throw Refusal{{std::string("field \"") + std::string(text_) + "\" (" + kind_.name + ") " + what,
                       std::move(hint)}};
    }

  private:
    std::optional<int> named_value(std::string_view word) const {
        const auto find = [&](const auto& names, int first) -> std::optional<int> {
            for (std::size_t i = 0; i < names.size(); i++)
                if (same_without_case(names[i], word)) return first + static_cast<int>(i);
            return std::nullopt;
        };
        if (field_ == Months) return find(kMonths, 1);
        if (field_ == WeekdaysField) return find(kWeekdays, numbering_ == Weekdays::FromOne ? 1 : 0);
        return std::nullopt;
    }

    int step_of(std::string_view word) const {
        int step = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), step);
        if (error != std::errc() || end != word.data() + word.size() || step < 1)
            refuse("has the step \"" + std::string(word) + "\"", "A step is a whole number from 1, as in */15.");
        if (step > kind_.most)
            refuse("has the step " + std::string(word),
                   "No two values of this field are so far from each other; leave the step out.");
        return step;
    }

    template <class Take>
    void read_range(std::string_view item, Take&& take) const {
        const std::size_t slash = item.find('/');
        const bool has_step = slash != std::string_view::npos;
        const int step = has_step ? step_of(item.substr(slash + 1)) : 1;
        const std::string_view range = item.substr(0, slash);
        // 7 is a second name of Sunday and no further value.
        const int most = field_ == WeekdaysField && numbering_ == Weekdays::FromZero ? 6 : kind_.most;
        int first = kind_.least, last = most;
        if (range != "*" && range != "?") {
            const std::size_t dash = range.find('-');
            first = value(range.substr(0, dash));
            if (dash != std::string_view::npos)
                last = value(range.substr(dash + 1));
            else if (!has_step)
                last = first;
        }
        if (first > last) {
            if (field_ == Years) refuse("has a range that ends before it begins", "Give the earlier year first.");
            last += most - kind_.least + 1;
        }
        for (int i = first; i <= last; i += step)
            take(i > kind_.most ? i - (most - kind_.least + 1) : i);
    }

    Field field_;
    FieldKind kind_;
    std::string_view text_;
    Weekdays numbering_;
};

template <std::size_t Size>
void read_plain(Field field, std::string_view text, std::bitset<Size>& bits, int first = 0) {
    FieldReader(field, text, Weekdays::FromZero)
        .read([&](int value) { bits.set(static_cast<std::size_t>(value - first)); },
              [](std::string_view) { return false; });
}

void read_days(std::string_view text, Cron& cron) {
    FieldReader reader(Days, text, Weekdays::FromZero);
    const auto special = [&](std::string_view item) {
        if (item == "L" || item == "l" || item == "$") {
            cron.days_before_last.push_back(0);
        } else if (same_without_case(item, "LW") || same_without_case(item, "WL")) {
            cron.nearest_weekdays.push_back(0);
        } else if (item.size() > 2 && same_without_case(item.substr(0, 2), "L-")) {
            const int before = reader.value(item.substr(2));
            if (before > 30) reader.refuse("has " + std::string(item), "No month has so many days.");
            cron.days_before_last.push_back(before);
        } else if (item.size() > 1 && ascii_lower(item.back()) == 'w') {
            cron.nearest_weekdays.push_back(reader.value(item.substr(0, item.size() - 1)));
        } else {
            return false;
        }
        return true;
    };
    reader.read([&](int day) { cron.days.set(static_cast<std::size_t>(day)); }, special);
    cron.any_day = text.front() == '*' || text.front() == '?';
}

void read_weekdays(std::string_view text, Weekdays numbering, Cron& cron) {
    FieldReader reader(WeekdaysField, text, numbering);
    const auto special = [&](std::string_view item) {
        if (const std::size_t number = item.find('#'); number != std::string_view::npos) {
            const std::string_view nth = item.substr(number + 1);
            if (nth.size() != 1 || nth.front() < '1' || nth.front() > '5')
                reader.refuse("has " + std::string(item), "After # follows a number from 1 to 5, as in MON#1.");
            cron.nth_weekdays.emplace_back(reader.weekday(item.substr(0, number)), nth.front() - '0');
        } else if (item == "L" || item == "l") {
            cron.weekdays.set(6);  // the last day of a week
        } else if (item.size() > 1 && ascii_lower(item.back()) == 'l') {
            cron.nth_weekdays.emplace_back(reader.weekday(item.substr(0, item.size() - 1)), 0);
        } else {
            return false;
        }
        return true;
    };
    reader.read([&](int day) { cron.weekdays.set(static_cast<std::size_t>(reader.to_weekday(day))); }, special);
    cron.any_weekday = text.front() == '*' || text.front() == '?';
}

}  // namespace

Result<Cron, Problem> read_fields(const std::vector<std::string_view>& fields, Weekdays weekdays) {
    Cron cron;
    try {
        read_plain(Seconds, fields[Seconds], cron.seconds);
        read_plain(Minutes, fields[Minutes], cron.minutes);
        read_plain(Hours, fields[Hours], cron.hours);
        read_days(fields[Days], cron);
        read_plain(Months, fields[Months], cron.months);
        read_weekdays(fields[WeekdaysField], weekdays, cron);
        read_plain(Years, fields[Years], cron.years, kFirstYear);
    } catch (Refusal& refusal) {
        return Err{std::move(refusal.problem)};
    }
    cron.every_hour = fields[Hours].front() == '*' || cron.hours.all();
    return cron;
}

}  // namespace flowctl::schedule
