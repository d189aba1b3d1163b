// See calendar.hpp.
#include "core/jsonata/calendar.hpp"

#include <cmath>

namespace flowctl::jsonata {

namespace {

// The Monday of the week that has the first Thursday of the year or month.
double start_of_first_week(double year, double month) {
    const double first = utc(year, month);
    const double weekday = Moment(first).weekday;
    return weekday > 4 ? first + (8 - weekday) * kDay : first - (weekday - 1) * kDay;
}

double week_number(double start, double day) {
    return (day - start) / (7 * kDay) + 1;
}

}  // namespace

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

double utc(double year, double month, double day) {
    return days_from_civil(year, month, day) * kDay;
}

Moment::Moment(double ms) : milliseconds(ms) {
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

}  // namespace flowctl::jsonata
