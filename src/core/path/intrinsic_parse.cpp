// Parsing of intrinsic functions. Mistakes that the text alone shows are refused here, so that define_flow
// finds them: unknown functions, wrong numbers of arguments, literals of the wrong kind, wrong escapes.
#include <algorithm>

#include "core/path/query_scan.hpp"

#include "core/path/intrinsic.hpp"

namespace flowctl::path {
namespace {

constexpr unsigned kMaxNesting = 10;
constexpr std::string_view kPrefix = "States.";


class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    Call whole() {
        Call outer = call();
        skip_blanks();
        if (at_ < text_.size()) fail("unexpected character after the function call");
        return outer;
    }

  private:
    [[noreturn]] void fail(std::string message) const {
        throw Malformed{SyntaxError{at_, std::move(message)}};
    }
    char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
    void skip_blanks() {
        while (is_blank(peek()))
            ++at_;
    }

    Call call() {
        if (++depth_ > kMaxNesting) fail("intrinsic functions may be nested 10 deep");
        if (text_.substr(at_, kPrefix.size()) != kPrefix) fail("an intrinsic function starts with States.");
        const std::size_t from = at_ += kPrefix.size();
        while (is_letter(peek()) || is_digit(peek()))
            ++at_;
        const std::string_view name = text_.substr(from, at_ - from);
        Call made;
        made.function = find_intrinsic(name);
        if (made.function == nullptr) fail("there is no intrinsic function States." + std::string(name));
        if (peek() != '(') fail("an opening parenthesis is missing");
        ++at_;
        skip_blanks();
        while (peek() != ')') {
            made.arguments.push_back(argument(made));
            skip_blanks();
            if (peek() == ',') {
                ++at_;
                skip_blanks();
                if (peek() == ')') fail("an argument is missing");
            } else if (peek() != ')') {
                fail("a comma or a closing parenthesis is missing");
            }
        }
        ++at_;
        check(made);
        --depth_;
        return made;
    }

    Argument argument(const Call& call_made) {
        Argument made;
        const char c = peek();
        if (c == '$') {
            std::size_t length = 0;
            auto query = parse_query_argument(text_.substr(at_), length);
            if (!query.ok()) {
                at_ += query.error().offset;
                fail(query.error().message);
            }
            at_ += length;
            made.kind = Argument::Kind::Query;
            made.query = std::move(query).value();
        } else if (c == '\'') {
            const bool format = call_made.function->name == "Format" && call_made.arguments.empty();
            made.literal = json::Value::string(string(format));
        } else if (c == 'S') {
            made.kind = Argument::Kind::Call;
            made.call.push_back(call());
        } else {
            made.literal = plain();
        }
        return made;
    }

    // A string in single quotes. In a format, escapes that have a meaning for the format are kept.
    std::string string(bool format) {
        ++at_;
        std::string out;
        for (;;) {
            if (at_ >= text_.size()) fail("a string is not closed");
            const char c = text_[at_++];
            if (c == '\'') return out;
            if (c != '\\') {
                out.push_back(c);
                continue;
            }
            const char escaped = peek();
            if (escaped != '\'' && escaped != '{' && escaped != '}' && escaped != '\\') {
                fail("a string may escape only ', {, } and \\");
            }
            if (format && escaped != '\'') out.push_back('\\');
            out.push_back(escaped);
            ++at_;
        }
    }

    // null, true, false or a number.
    json::Value plain() {
        const std::size_t from = at_;
        while (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '+' || peek() == '.')
            ++at_;
        auto value = json::parse(text_.substr(from, at_ - from));
        if (value.ok()) return std::move(value).value();
        at_ = from;
        fail("neither a path, a string in single quotes, a number, true, false, null nor a function");
    }

    void check(const Call& made) const {
        const IntrinsicFunction& function = *made.function;
        const std::size_t count = made.arguments.size();
        if (count < function.least || count > function.most) {
            fail("wrong number of arguments for States." + std::string(function.name));
        }
        for (std::size_t i = 0; i < count; ++i) {
            const Argument& given = made.arguments[i];
            if (given.kind == Argument::Kind::Literal && !function.accepts(i, given.literal.kind())) {
                fail("argument " + std::to_string(i + 1) + " of States." + std::string(function.name) +
                     " is of the wrong type");
            }
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned depth_ = 0;
};

}  // namespace

Result<Call, SyntaxError> parse_call(std::string_view text) {
    try {
        return Parser(text).whole();
    } catch (const Malformed& malformed) {
        return Err{malformed.error};
    }
}

}  // namespace flowctl::path
