// The lexer. As in errors of the reference implementation, the position of a token is the one behind it.
#include "core/jsonata/lexer.hpp"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/utf8.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/signature.hpp"
#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

constexpr std::string_view kSingle = ".[]{}(),@#;:?+-*/%|=<>^&!~";
constexpr std::string_view kDouble[] = {"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"};

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v';
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

int hex_digit(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

void Lexer::skip_blanks() {
    for (;;) {
        while (at_ < text_.size() && is_blank(text_[at_]))
            ++at_;
        if (peek() != '/' || peek(1) != '*') return;
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) throw Raised{.code = "S0106", .position = at_};
        at_ = end + 2;
    }
}

Token Lexer::next(bool after_operand) {
    skip_blanks();
    if (at_ >= text_.size()) return make(Token::Type::End, "(end)");
    const char c = text_[at_];
    if (c == '/' && !after_operand) return regex();
    for (const std::string_view op : kDouble) {
        if (text_.substr(at_, 2) == op) {
            at_ += 2;
            return make(Token::Type::Operator, op);
        }
    }
    if (kSingle.find(c) != std::string_view::npos) {
        ++at_;
        return make(Token::Type::Operator, text_.substr(at_ - 1, 1));
    }
    if (c == '"' || c == '\'') return string();
    if (is_digit(c)) return number();
    if (c == '`') {
        const std::size_t end = text_.find('`', at_ + 1);
        if (end == std::string_view::npos) throw Raised{.code = "S0105", .position = text_.size()};
        const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return make(Token::Type::Name, inside);
    }
    return name();
}

void Lexer::escape(std::string& out) {
    const char c = peek();
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t which = kEscapes.find(c); at_ < text_.size() && which != std::string_view::npos) {
        out.push_back(kMeanings[which]);
        ++at_;
        return;
    }
    if (c != 'u') {
        throw Raised{.code = "S0103",
                     .position = at_,
                     .token = std::string(text_.substr(at_, at_ < text_.size() ? width_of(c) : 0))};
    }
    char32_t unit = 0;
    for (std::size_t i = 1; i <= 4; ++i) {
        const int digit = hex_digit(peek(i));
        if (digit < 0) throw Raised{.code = "S0104", .position = at_};
        unit = unit << 4 | static_cast<char32_t>(digit);
    }
    at_ += 5;
    // The second half of a surrogate pair is joined with the first one, which stands in the text as three
    // bytes.
    const std::size_t size = out.size();
    if (unit >= 0xdc00 && unit <= 0xdfff && size >= 3 && out[size - 3] == '\xed' &&
        static_cast<unsigned char>(out[size - 2]) >= 0xa0 &&
        static_cast<unsigned char>(out[size - 2]) < 0xb0) {
        const char32_t high = (static_cast<unsigned char>(out[size - 2]) & 0x0fU) << 6 |
                              (static_cast<unsigned char>(out[size - 1]) & 0x3fU);
        out.resize(size - 3);
        unit = 0x10000 + (high << 10) + (unit - 0xdc00);
    }
    append_utf8(unit, out);
}

Token Lexer::string() {
    const char quote = text_[at_++];
    std::string content;
    while (at_ < text_.size()) {
        const char c = text_[at_++];
        if (c == '\\') {
            escape(content);
        } else if (c == quote) {
            Token token = make(Token::Type::String, program_.keep(content));
            token.literal = program_.text_value(std::move(content));
            return token;
        } else {
            content.push_back(c);
        }
    }
    throw Raised{.code = "S0101", .position = at_};
}

Token Lexer::number() {
    const std::size_t start = at_;
    if (text_[at_] == '0') {
        ++at_;
    } else {
        while (is_digit(peek()))
            ++at_;
    }
    if (peek() == '.' && is_digit(peek(1))) {
        ++at_;
        while (is_digit(peek()))
            ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
        const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
        if (is_digit(peek(1 + sign))) {
            at_ += 1 + sign;
            while (is_digit(peek()))
                ++at_;
        }
    }
    Token token = make(Token::Type::Number, text_.substr(start, at_ - start));
    const double value = json::Value::number_text(token.text).as_double();
    if (!std::isfinite(value)) {
        throw Raised{.code = "S0102", .position = start, .token = std::string(token.text)};
    }
    token.literal = Value::of_number(value);
    return token;
}

Token Lexer::regex() {
    const std::size_t start = ++at_;
    int depth = 0;
    std::size_t backslashes = 0;  // how many backslashes stand directly before
    for (; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        const std::size_t before = std::exchange(backslashes, c == '\\' ? backslashes + 1 : 0);
        if (c == '/' && depth == 0 && before % 2 == 0) {
            Token token = make(Token::Type::Regex, text_.substr(start, at_ - start));
            if (token.text.empty()) throw Raised{.code = "S0301", .position = at_};
            const std::size_t flags = ++at_;
            while (peek() == 'i' || peek() == 'm')
                ++at_;
            token.flags = text_.substr(flags, at_ - flags);
            token.position = at_;
            return token;
        }
        if (before > 0) continue;
        if (c == '(' || c == '[' || c == '{') ++depth;
        if (c == ')' || c == ']' || c == '}') --depth;
    }
    throw Raised{.code = "S0302", .position = at_};
}

Token Lexer::name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) && kSingle.find(text_[at_]) == std::string_view::npos)
        ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word.front() == '$') return make(Token::Type::Variable, word.substr(1));
    if (word == "or" || word == "and" || word == "in") return make(Token::Type::Operator, word);
    Token token = make(Token::Type::Literal, word);
    if (word == "true" || word == "false") {
        token.literal = Value::of_bool(word == "true");
    } else if (word == "null") {
        token.literal = Value::null();
    } else {
        token.type = Token::Type::Name;
    }
    return token;
}

}  // namespace flowctl::jsonata
