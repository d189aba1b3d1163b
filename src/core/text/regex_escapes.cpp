// See regex_escapes.hpp.
#include "core/text/regex_escapes.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace flowctl::regex {

namespace {

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kAsciiSpaces = {{'\t', '\r'}, {' ', ' '}};
const Ranges kSpaces = {{'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680},
                        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f},
                        {0x3000, 0x3000}, {0xfeff, 0xfeff}};

int hexadecimal_digit(char c) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

void tidy(Ranges& set) {
    std::sort(set.begin(), set.end(), [](Range a, Range b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (const Range range : set) {
        if (kept > 0 && range.first <= set[kept - 1].last + 1) {
            set[kept - 1].last = std::max(set[kept - 1].last, range.last);
        } else {
            set[kept++] = range;
        }
    }
    set.resize(kept);
}

Ranges complement(Ranges set) {
    tidy(set);
    Ranges out;
    char32_t next = 0;
    for (const Range range : set) {
        if (range.first > next) out.push_back({next, range.first - 1});
        next = range.last + 1;
    }
    if (next <= kLast) out.push_back({next, kLast});
    return out;
}

Ranges PatternText::escaped(bool in_brackets) {
    const std::size_t from = at_;
    if (!more()) refuse("the pattern ends with a backslash");
    const char32_t c = decode_utf8(text_, at_);
    switch (c) {
        case 'd':
            return kDigits;
        case 'D':
            return complement(kDigits);
        case 'w':
            return kWords;
        case 'W':
            return complement(kWords);
        case 's':
            return java_ ? kAsciiSpaces : kSpaces;
        case 'S':
            return complement(java_ ? kAsciiSpaces : kSpaces);
        case 't':
            return {{'\t', '\t'}};
        case 'n':
            return {{'\n', '\n'}};
        case 'r':
            return {{'\r', '\r'}};
        case 'f':
            return {{'\f', '\f'}};
        default:
            break;
    }
    return java_ ? java_escape(c, from) : ecmascript_escape(c, in_brackets);
}

Ranges PatternText::java_escape(char32_t c, std::size_t from) {
    switch (c) {
        case 'a':
            return {{7, 7}};
        case 'e':
            return {{27, 27}};
        case 'x':
            return code_point(take_if("{") ? 0 : 2);
        case 'u':
            return code_point(4);
        case 'p':
            return property();
        case 'P':
            return complement(property());
        default:
            break;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        refuse("the escape \\" + std::string(text_.substr(from, at_ - from)) + " is not supported");
    }
    return {{c, c}};
}

// Reads `digits` hexadecimal digits, or for 0 all digits up to a closing brace.
Ranges PatternText::code_point(int digits) {
    char32_t value = 0;
    const bool braced = digits == 0;
    for (int i = 0; braced ? peek() != '}' : i < digits; ++i) {
        const int digit = hexadecimal_digit(take());
        if (digit < 0 || i > 7) refuse("wrong hexadecimal escape");
        value = value * 16 + static_cast<char32_t>(digit);
    }
    if (braced) ++at_;
    if (value > kLast) refuse("wrong hexadecimal escape");
    return {{value, value}};
}

Ranges PatternText::property() {
    if (!take_if("{")) refuse("\\p needs a name in braces");
    std::string name;
    while (peek() != '}')
        name.push_back(take());
    ++at_;
    if (name == "Lower") return {{'a', 'z'}};
    if (name == "Upper") return {{'A', 'Z'}};
    if (name == "Alpha") return {{'A', 'Z'}, {'a', 'z'}};
    if (name == "Digit") return kDigits;
    if (name == "Alnum") return {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
    if (name == "Punct") return {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
    if (name == "Space") return kAsciiSpaces;
    if (name == "XDigit") return {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
    if (name == "ASCII") return {{0, 0x7f}};
    refuse("the property " + name + " is not supported");
}

Ranges PatternText::ecmascript_escape(char32_t c, bool in_brackets) {
    switch (c) {
        case 'v':
            return {{'\v', '\v'}};
        case 'b':
            return {{'\b', '\b'}};  // only in brackets; outside of them \b is an edge of a word
        case '0':
            return {{0, 0}};
        case 'x':
            return hexadecimal(2, c);
        case 'u':
            return hexadecimal(4, c);
        case 'c':
            if (const char letter = peek(); (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z') {
                ++at_;
                const auto control = static_cast<char32_t>(letter & 31);
                return {{control, control}};
            }
            break;
        default:
            if ((c >= '1' && c <= '9' && !in_brackets) || (c == 'k' && peek() == '<')) {
                refuse("back references are not supported");
            }
    }
    return {{c, c}};
}

// If the digits are missing, ECMAScript takes the letter for itself.
Ranges PatternText::hexadecimal(std::size_t digits, char32_t letter) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const int digit = hexadecimal_digit(peek(i));
        if (digit < 0) return {{letter, letter}};
        value = value << 4 | static_cast<char32_t>(digit);
    }
    at_ += digits;
    // Two escapes may be the halves of one character.
    if (value >= 0xd800 && value < 0xdc00 && peek() == '\\' && peek(1) == 'u') {
        char32_t low = 0;
        for (std::size_t i = 2; i < 6; ++i)
            low = low << 4 | static_cast<char32_t>(std::max(hexadecimal_digit(peek(i)), 0));
        if (low >= 0xdc00 && low <= 0xdfff) {
            value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
            at_ += 6;
        }
    }
    return {{value, value}};
}

}  // namespace flowctl::regex
