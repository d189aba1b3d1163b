// Literals inside paths: quoted names and strings with their escapes, and JSON in which Jayway allows single
// quotes.
#include "core/path/query_scan.hpp"

namespace flowctl::path {

std::string Scanner::in_quotes() {
    const std::size_t from = at_;
    const char quote = take();
    std::string out;
    for (;;) {
        if (at_end()) fail_at(from, "a quote is not closed");
        const char c = take();
        if (c == quote) return out;
        if (c != '\\') {
            out.push_back(c);
            continue;
        }
        const char escaped = take();
        switch (escaped) {
            case 'b':
                out.push_back('\b');
                break;
            case 'f':
                out.push_back('\f');
                break;
            case 'n':
                out.push_back('\n');
                break;
            case 'r':
                out.push_back('\r');
                break;
            case 't':
                out.push_back('\t');
                break;
            case 'u':
                out += unicode_escape();
                break;
            default:
                out.push_back(escaped);
        }
    }
}

// Reads \uXXXX. The JSON parser reads it together with a low surrogate that follows.
std::string Scanner::unicode_escape() {
    const std::size_t from = at_;
    std::string escape = "\"\\u" + std::string(text_.substr(at_, 4)) + "\"";
    auto read = json::parse(escape);
    if (read.ok()) {
        at_ += 4;
    } else {
        escape = "\"\\u" + std::string(text_.substr(at_, 10)) + "\"";
        read = json::parse(escape);
        if (peek(4) != '\\' || peek(5) != 'u' || !read.ok()) fail_at(from, "wrong \\u escape");
        at_ += 10;
    }
    return std::string(read->as_string());
}

json::Value Scanner::literal() {
    const char c = peek();
    if (c == '\'' || c == '"') return json::Value::string(in_quotes());
    const std::size_t from = at_;
    if (c == '[' || c == '{') {
        skip_json();
        return read_json(from, text_.substr(from, at_ - from));
    }
    while (!at_end() &&
           (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '+' || peek() == '.')) {
        ++at_;
    }
    if (at_ == from) fail("a value is missing");
    return read_json(from, text_.substr(from, at_ - from));
}

// Moves behind the bracket that closes the one here. As in Jayway, strings inside may be in single quotes.
void Scanner::skip_json() {
    const std::size_t from = at_;
    unsigned open = 0;
    do {
        if (at_end()) fail_at(from, "a literal is not closed");
        const char c = peek();
        if (c == '"' || c == '\'') {
            (void)in_quotes();
            continue;
        }
        if (c == '[' || c == '{') ++open;
        if (c == ']' || c == '}') --open;
        ++at_;
    } while (open > 0);
}

json::Value Scanner::read_json(std::size_t from, std::string_view written) const {
    std::string text;
    bool in_double = false;
    for (std::size_t i = 0; i < written.size(); ++i) {
        const char c = written[i];
        if (c == '"') in_double = !in_double;
        if (c == '\\' && in_double && i + 1 < written.size()) {
            text.push_back(c);
            text.push_back(written[++i]);
        } else if (c == '\'' && !in_double) {
            Scanner inner(written.substr(i));
            json::dump(json::Value::string(inner.in_quotes()), text);
            i += inner.position() - 1;
        } else {
            text.push_back(c);
        }
    }
    auto value = json::parse(text);
    if (!value.ok()) fail_at(from, "not a value: " + value.error().message);
    return *value;
}

}  // namespace flowctl::path
