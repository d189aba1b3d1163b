// Upper and lower case of Unicode, independent of the locale.
#pragma once

#include <string>
#include <string_view>

namespace flowctl::text {

// The other case of one character, where it is one character, too.
char32_t upper_case(char32_t c) noexcept;
char32_t lower_case(char32_t c) noexcept;
// The form in which ECMAScript compares characters under the flag i.
inline char32_t fold_case(char32_t c) noexcept {
    const char32_t upper = upper_case(c);
    return c >= 0x80 && upper < 0x80 ? c : upper;
}

// Converts a whole text. A character may become several.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

}  // namespace flowctl::text
