// The text of a pattern, read from left to right, and its escapes, which the two dialects share only in part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/regex_parse.hpp"

namespace flowctl::regex {

using Ranges = std::vector<Range>;

inline constexpr char32_t kLast = 0x10ffff;

// Sorts the ranges and joins neighbours that touch.
void tidy(Ranges& set);
Ranges complement(Ranges set);

class PatternText {
  protected:
    PatternText(std::string_view text, bool java) : text_(text), java_(java) {}

    [[noreturn]] static void refuse(std::string why) { throw Refused{std::move(why)}; }
    char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    bool more() const noexcept { return at_ < text_.size(); }
    char take() {
        if (!more()) refuse("the pattern ends too early");
        return text_[at_++];
    }
    bool take_if(std::string_view what) {
        if (text_.substr(at_, what.size()) != what) return false;
        at_ += what.size();
        return true;
    }
    // The characters that an escape stands for. Its backslash has been read already.
    Ranges escaped(bool in_brackets);

    std::string_view text_;
    std::size_t at_ = 0;
    const bool java_;

  private:
    Ranges java_escape(char32_t c, std::size_t from);
    Ranges code_point(int digits);
    Ranges property();
    Ranges ecmascript_escape(char32_t c, bool in_brackets);
    Ranges hexadecimal(std::size_t digits, char32_t letter);
};

}  // namespace flowctl::regex
