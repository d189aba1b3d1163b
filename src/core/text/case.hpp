// Upper and lower case of Unicode, without a locale.
#pragma once

#include <string>
#include <string_view>

namespace flowctl::text {

// One to one.
char32_t upper_case(char32_t c) noexcept;
char32_t lower_case(char32_t c) noexcept;
// As ECMAScript compares characters under the flag i.
inline char32_t fold_case(char32_t c) noexcept {
    const char32_t upper = upper_case(c);
    return c >= 0x80 && upper < 0x80 ? c : upper;
}

// Whole texts, where a character may become several.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

}  // namespace flowctl::text
