// Reading and writing single characters of UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flowctl {

// Bytes of the character that begins with `lead`.
inline std::size_t width_of(char lead) noexcept {
    const auto c = static_cast<unsigned char>(lead);
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

// The character at `at`, which must be the first byte of one in valid UTF-8; moves `at` past it.
char32_t decode_utf8(std::string_view text, std::size_t& at);

// Appends the one to four bytes of the character. A surrogate is written as three bytes, which JSONata needs while it
// evaluates; texts that leave an evaluation have none.
void append_utf8(char32_t c, std::string& out);

// Whether the text is valid UTF-8: neither overlong forms nor surrogates nor characters beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace flowctl
