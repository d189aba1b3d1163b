// Text as the reference sees it: code points for functions, UTF-16 units for positions.
//
// Texts are UTF-8 in which, inside of an evaluation only, a lone surrogate may stand as three bytes, because
// escapes and slices can make one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.hpp"

namespace flowctl::jsonata {

std::size_t utf16_length(std::string_view text) noexcept;
// Byte offset of the n-th character; the text's size beyond the last.
std::size_t offset_of_character(std::string_view text, std::size_t n) noexcept;
bool has_lone_surrogate(std::string_view text) noexcept;
// Lone surrogates replaced by U+FFFD.
std::string well_formed(std::string_view text);
// The same, and U+0000 too: for messages, which end up where it cannot be held.
std::string for_message(std::string_view text);
// As JSON.stringify writes it.
void append_quoted(std::string_view text, std::string& out);

}  // namespace flowctl::jsonata
