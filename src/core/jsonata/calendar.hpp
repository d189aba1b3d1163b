// The proleptic Gregorian calendar, as dates of JSONata see it: instants in milliseconds since 1970, UTC.
#pragma once

namespace flowctl::jsonata {

inline constexpr double kDay = 86400000;
inline constexpr double kMaxMilliseconds = 8.64e15;  // on both sides of 1970

// Days since 1970 of a day of the proleptic Gregorian calendar (Hinnant's algorithm); months beyond a year
// carry.
double days_from_civil(double year, double month, double day);

// Of the beginning of a day; month from 0.
double utc(double year, double month, double day = 1);

// An instant taken apart.
struct Moment {
    double milliseconds = 0;
    double year = 0, month = 0, day = 0;  // month from 0
    double hour = 0, minute = 0, second = 0, fraction = 0;
    double weekday = 0;  // Monday is 1

    explicit Moment(double ms);
};

// The value of an integer component of a picture, such as 'Y' or 'W'.
double component_value(const Moment& m, char component);

}  // namespace flowctl::jsonata
