// Tokens of an expression.
#pragma once

#include "core/jsonata/ast.hpp"

namespace flowctl::jsonata {

struct Token {
    enum class Type : std::uint8_t { End, Operator, Name, Variable, String, Number, Literal, Regex };
    Type type = Type::End;
    std::size_t position = 0;  // behind the token
    std::string_view text;     // the operator, name, variable, number or pattern
    std::string_view flags;    // the flags of a pattern
    Value literal;             // String, Number, Literal

    bool is(std::string_view op) const noexcept { return type == Type::Operator && text == op; }
};

class Lexer {
  public:
    explicit Lexer(Program& program) : program_(program), text_(program.source) {}
    // After an operand a slash is a division; otherwise it begins a regular expression.
    Token next(bool after_operand);

  private:
    Token make(Token::Type type, std::string_view text) const {
        Token token;
        token.type = type;
        token.position = at_;
        token.text = text;
        return token;
    }
    char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    void skip_blanks();
    Token string();
    Token number();
    Token regex();
    Token name();
    void escape(std::string& out);

    Program& program_;
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace flowctl::jsonata
