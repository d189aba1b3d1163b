// The wall times that a cron expression means: a search over years, months, days and the time of the day.
#include <chrono>

#include "core/schedule/schedule.hpp"

namespace flowctl::schedule {

namespace {

constexpr std::int64_t kDay = 86'400;

struct Date {
    int year = 0;
    int month = 0;        // from 1
    int day = 0;          // from 1
    int days_in_month = 0;
    int weekday = 0;      // from Sunday
};

Date date_of(std::int64_t day_number) {
    namespace ch = std::chrono;
    const ch::sys_days days{ch::days{day_number}};
    const ch::year_month_day date{days};
    const ch::year_month_day_last last{date.year(), ch::month_day_last{date.month()}};
    return {static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())), static_cast<int>(static_cast<unsigned>(last.day())),
            static_cast<int>(ch::weekday{days}.c_encoding())};
}

std::int64_t day_number(int year, int month) {
    namespace ch = std::chrono;
    const ch::year_month_day date{ch::year{year}, ch::month{static_cast<unsigned>(month)}, ch::day{1}};
    return ch::sys_days{date}.time_since_epoch().count();
}

int weekday_of(const Date& date, int day) {
    return ((date.weekday + day - date.day) % 7 + 7) % 7;
}

bool is_workday(int weekday) {
    return weekday != 0 && weekday != 6;
}

// The workday that is nearest to a day of this month, without leaving the month.
int nearest_workday(const Date& date, int day) {
    const int weekday = weekday_of(date, day);
    if (weekday == 6) return day > 1 ? day - 1 : day + 2;
    if (weekday == 0) return day < date.days_in_month ? day + 1 : day - 2;
    return day;
}

int last_workday(const Date& date) {
    int day = date.days_in_month;
    while (!is_workday(weekday_of(date, day)))
        day--;
    return day;
}

bool has_day(const Cron& cron, const Date& date) {
    if (cron.days.test(static_cast<std::size_t>(date.day))) return true;
    for (const int before : cron.days_before_last)
        if (date.day == date.days_in_month - before) return true;
    for (const int nearest : cron.nearest_weekdays) {
        if (nearest > date.days_in_month) continue;
        if (date.day == (nearest == 0 ? last_workday(date) : nearest_workday(date, nearest))) return true;
    }
    return false;
}

bool has_weekday(const Cron& cron, const Date& date) {
    if (cron.weekdays.test(static_cast<std::size_t>(date.weekday))) return true;
    for (const auto& [weekday, nth] : cron.nth_weekdays) {
        if (weekday != date.weekday) continue;
        if (nth == 0 ? date.day + 7 > date.days_in_month : (date.day - 1) / 7 + 1 == nth) return true;
    }
    return false;
}

// A day that both fields restrict has to satisfy one of them; this is cron's old rule.
bool has_date(const Cron& cron, const Date& date) {
    if (cron.any_day || cron.any_weekday) return has_day(cron, date) && has_weekday(cron, date);
    return has_day(cron, date) || has_weekday(cron, date);
}

template <std::size_t Size>
std::optional<std::int64_t> first_from(const std::bitset<Size>& bits, std::int64_t from) {
    for (auto i = static_cast<std::size_t>(from); i < Size; i++)
        if (bits.test(i)) return static_cast<std::int64_t>(i);
    return std::nullopt;
}

// The first second of a day from `from` on, or nullopt.
std::optional<std::int64_t> next_in_day(const Cron& cron, std::int64_t from) {
    std::int64_t hour = from / 3'600, minute = from / 60 % 60, second = from % 60;
    while (const auto h = first_from(cron.hours, hour)) {
        if (*h != hour) minute = second = 0;
        while (const auto m = first_from(cron.minutes, minute)) {
            if (*m != minute) second = 0;
            if (const auto s = first_from(cron.seconds, second)) return *h * 3'600 + *m * 60 + *s;
            minute = *m + 1;
            second = 0;
        }
        hour = *h + 1;
        minute = second = 0;
    }
    return std::nullopt;
}

}  // namespace

std::optional<WallTime> next_wall_time(const Cron& cron, WallTime from) {
    std::int64_t day = from / kDay - (from % kDay < 0 ? 1 : 0);
    std::int64_t in_day = from - day * kDay;
    const std::int64_t first_day = day_number(kFirstYear, 1), end = day_number(kLastYear + 1, 1);
    if (day < first_day) {
        day = first_day;
        in_day = 0;
    }
    while (day < end) {
        const Date date = date_of(day);
        if (!cron.years.test(static_cast<std::size_t>(date.year - kFirstYear))) {
            day = day_number(date.year + 1, 1);
        } else if (!cron.months.test(static_cast<std::size_t>(date.month))) {
            day = date.month == 12 ? day_number(date.year + 1, 1) : day_number(date.year, date.month + 1);
        } else {
            if (has_date(cron, date))
                if (const auto found = next_in_day(cron, in_day)) return day * kDay + *found;
            day++;
        }
        in_day = 0;
    }
    return std::nullopt;
}

}  // namespace flowctl::schedule
