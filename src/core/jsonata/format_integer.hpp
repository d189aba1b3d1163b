// Pictures of integers: 1,234 as "#,##0", MMXVIII as "I", "twenty-third" as "w;o". $formatInteger and
// $parseInteger use them, and so do the components of dates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/budget.hpp"

namespace flowctl::jsonata {

struct IntegerPicture {
    enum class Primary : std::uint8_t { Decimal, Letters, Roman, Words, Sequence };
    enum class Case : std::uint8_t { Upper, Lower, Title };
    struct Separator {
        std::size_t position;  // counted in digits from the right
        char32_t character;
    };
    Primary primary = Primary::Decimal;
    Case letters = Case::Lower;
    bool ordinal = false;
    char32_t zero = '0';
    std::size_t mandatory = 0;
    std::size_t optional = 0;
    bool has_digits = false;  // a decimal pattern, for which mandatory and optional have a meaning
    std::size_t regular = 0;  // if not 0, there is a separator after each group of so many digits
    std::vector<Separator> separators;
    std::size_t parse_width = 0;  // if not 0, exactly so many digits are parsed
    std::string token;            // the token of a sequence
};

// Throws Raised.
IntegerPicture analyse_integer_picture(std::string_view picture);
std::string format_integer(double value, const IntegerPicture& picture, Budget& budget);
// A pattern that matches exactly the texts of such integers.
std::string integer_pattern(const IntegerPicture& picture);
// The value of such a text; NaN if it has none.
double parse_integer(std::string_view text, const IntegerPicture& picture);

}  // namespace flowctl::jsonata
