// Reading and writing single characters of UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flowctl {

// How many bytes the character has that begins with `lead`.
inline std::size_t width_of(char lead) noexcept {
    const auto c = static_cast<unsigned char>(lead);
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

// The character at `at`, and moves `at` behind it. The text must be valid UTF-8 with a first byte at `at`.
char32_t decode_utf8(std::string_view text, std::size_t& at);

// Whether the byte is the second or a later one of a character.
inline bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The number of characters in valid UTF-8.
std::size_t count_characters(std::string_view text) noexcept;

// Whether the text is UTF-8 as RFC 3629 defines it: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

// Appends the one to four bytes of the character. A surrogate is written as three bytes, because JSONata
// needs this while it evaluates; the texts that an evaluation returns have no surrogates.
void append_utf8(char32_t c, std::string& out);

}  // namespace flowctl
