// Scanner: reads the characters of a path and the literals in it, for the parser of JSONPath.
//
// A syntax error is thrown as Malformed from any depth and caught where parsing began.
#pragma once

#include <string>
#include <string_view>

#include "core/json.hpp"
#include "core/path/path.hpp"

namespace flowctl::path {

inline bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
inline bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
inline bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct Malformed {
    SyntaxError error;
};

class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}

    std::size_t position() const noexcept { return at_; }
    bool at_end() const noexcept { return at_ >= text_.size(); }
    void skip_blanks() {
        while (!at_end() && is_blank(text_[at_]))
            ++at_;
    }

    [[noreturn]] void fail(std::string message) const { fail_at(at_, std::move(message)); }
    [[noreturn]] void fail_at(std::size_t at, std::string message) const {
        throw Malformed{SyntaxError{at, std::move(message)}};
    }

  protected:
    static constexpr unsigned kMaxNesting = 32;

    char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    char take() {
        if (at_end()) fail("the path ends too early");
        return text_[at_++];
    }
    bool take_if(char c) noexcept {
        if (at_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take_if(std::string_view word) noexcept {
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }

    // A string in quotes of either kind. A backslash keeps the next character, or is an escape as in JSON.
    std::string in_quotes();
    // A literal of a filter: a string, a number, true, false, null, a JSON array or object.
    json::Value literal();

    // One level of nesting, as long as the object lives.
    class Nesting {
      public:
        explicit Nesting(Scanner& scanner) : scanner_(scanner) {
            if (++scanner_.nesting_ > kMaxNesting) {
                --scanner_.nesting_;
                scanner_.fail("the filter is nested too deeply");
            }
        }
        ~Nesting() { --scanner_.nesting_; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

      private:
        Scanner& scanner_;
    };

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned nesting_ = 0;

  private:
    std::string unicode_escape();
    void skip_json();
    json::Value read_json(std::size_t from, std::string_view written) const;
};

}  // namespace flowctl::path
