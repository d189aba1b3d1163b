// The proleptic Gregorian calendar for JSONata's dates: instants are milliseconds since 1970, UTC.
#pragma once

namespace flowctl::jsonata {

inline constexpr double kDay = 86400000;
inline constexpr double kMaxMilliseconds = 8.64e15;  // before and after 1970

// The days since 1970 until a day of the proleptic Gregorian calendar (Hinnant's algorithm). A month beyond
// the year leads into the next one.
double days_from_civil(double year, double month, double day);

// The instant at which a day begins; `month` counts from 0.
double utc(double year, double month, double day = 1);

// The components of an instant.
struct Moment {
    double milliseconds = 0;
    double year = 0, month = 0, day = 0;  // month counts from 0
    double hour = 0, minute = 0, second = 0, fraction = 0;
    double weekday = 0;  // Monday is 1

    explicit Moment(double ms);
};

// The value of an integer component of a picture, such as 'Y' or 'W'.
double component_value(const Moment& m, char component);

}  // namespace flowctl::jsonata
