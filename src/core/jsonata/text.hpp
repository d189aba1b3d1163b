// Text as the reference implementation counts it: code points in functions, UTF-16 units in positions.
//
// Texts are UTF-8. Inside an evaluation, and only there, a lone surrogate may stand as three bytes, because
// escapes and slices can make one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.hpp"

namespace flowctl::jsonata {

std::size_t utf16_length(std::string_view text) noexcept;
// The byte offset of the n-th character, or the text's size if it has fewer.
std::size_t offset_of_character(std::string_view text, std::size_t n) noexcept;
bool has_lone_surrogate(std::string_view text) noexcept;
// The text with each lone surrogate replaced by U+FFFD.
std::string well_formed(std::string_view text);
// The text for a message. U+0000 is replaced as well, because messages are stored where it is not allowed.
std::string for_message(std::string_view text);
// Appends the text in quotes, as JSON.stringify writes it.
void append_quoted(std::string_view text, std::string& out);

}  // namespace flowctl::jsonata
