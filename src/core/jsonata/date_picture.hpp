// Pictures of dates, parsed into literals and markers. A marker has a component, a presentation (digits,
// letters, words, names) and perhaps a width.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/jsonata/format_integer.hpp"

namespace flowctl::jsonata {

inline constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                               "May",       "June",     "July",     "August",
                                               "September", "October",  "November", "December"};
inline constexpr std::string_view kDays[] = {"",         "Monday", "Tuesday",  "Wednesday",
                                             "Thursday", "Friday", "Saturday", "Sunday"};

struct DatePart {
    enum class Names : std::uint8_t { None, Upper, Lower, Title };
    bool literal = false;
    std::string text;  // the text of a literal
    char component = 0;
    char modifier = 0;  // the second presentation modifier
    Names names = Names::None;
    std::optional<double> least, most;  // the width
    std::optional<IntegerPicture> integer;
    double year_digits = -1;  // how many of the year's last digits are shown
};

// Throws Raised.
std::vector<DatePart> analyse_date_picture(std::string_view picture);

// Raises the error for a picture that wants the name of a component without names.
[[noreturn]] void raise_no_names(char component);

// The number that the text begins with; 0 if there is none.
double leading_integer(std::string_view text);

}  // namespace flowctl::jsonata
