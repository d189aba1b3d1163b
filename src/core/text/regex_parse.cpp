// The parser of regular expressions: recursive descent with a bounded depth, one for both dialects.
//
// Both share the grammar of choices, sequences, repetitions, groups, brackets and escapes. They differ in what
// an escape may be, in what counts as blank or as the end of a line, and in what is text where a pattern is
// odd: ECMAScript takes "{" for itself if no repetition follows, Java refuses it.
#include "core/text/regex_parse.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "core/text/case.hpp"

namespace flowctl::regex {
namespace {

using Op = Instruction::Op;
using Ranges = std::vector<Range>;

constexpr char32_t kLast = 0x10ffff;
constexpr std::uint32_t kMaxRepeat = 1000;
constexpr unsigned kMaxDepth = 100;

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kAsciiSpaces = {{'\t', '\r'}, {' ', ' '}};
const Ranges kSpaces = {{'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680},
                        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f},
                        {0x3000, 0x3000}, {0xfeff, 0xfeff}};
const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
const Ranges kJavaLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}};

// Sorted, and without neighbours that touch.
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

bool is_single(const Ranges& set) {
    return set.size() == 1 && set[0].first == set[0].last;
}

int hexadecimal_digit(char c) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class Parser {
  public:
    Parser(std::string_view text, std::string_view flags, Program& program)
        : text_(text), program_(program), java_(program.dialect == Dialect::Java) {
        for (const char flag : flags)
            set_flag(flag);
    }

    Pattern run() {
        while (java_ && text_.substr(at_, 2) == "(?" && peek(2) >= 'a' && peek(2) <= 'z') {
            at_ += 2;
            while (peek() != ')')
                set_flag(take());
            ++at_;
        }
        Pattern pattern;
        pattern.tree = choice();
        if (more()) refuse("a closing parenthesis has no opening one");
        pattern.groups = groups_;
        return pattern;
    }

  private:
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

    void set_flag(char flag) {
        if (flag == 'i') {
            program_.ignore_case = true;
        } else if (flag == 'm') {
            multiline_ = true;
        } else if (java_ && flag == 's') {
            dot_matches_all_ = true;
        } else if (java_ && flag == 'x') {
            comments_ = true;
        } else if (!java_ || (flag != 'u' && flag != 'd')) {
            refuse(std::string("unknown flag ") + flag);
        }
    }

    // ------------------------------------------------------------------------------------------ structure

    Tree choice() {
        if (++depth_ > kMaxDepth) refuse("groups are nested too deeply");
        Tree all;
        all.kind = Tree::Kind::Choice;
        do {
            all.children.push_back(sequence());
        } while (take_if("|"));
        --depth_;
        if (all.children.size() > 1) return all;
        Tree only = std::move(all.children.front());
        return only;
    }

    void skip_comments() {
        while (comments_ && more()) {
            if (peek() == '#') {
                while (more() && peek() != '\n')
                    ++at_;
            } else if (peek() == ' ' || (peek() >= '\t' && peek() <= '\r')) {
                ++at_;
            } else {
                return;
            }
        }
    }

    Tree sequence() {
        Tree all;
        for (;;) {
            skip_comments();
            if (!more() || peek() == '|' || peek() == ')') return all;
            if (java_ && take_if("\\Q")) {
                in_quotes(all);
                continue;
            }
            const std::uint32_t before = groups_;
            Tree one = atom();
            all.children.push_back(repeated(std::move(one), before));
        }
    }

    // Characters up to \E stand for themselves; a repetition that follows repeats the last of them.
    void in_quotes(Tree& all) {
        const std::size_t before = all.children.size();
        while (more() && !take_if("\\E"))
            all.children.push_back(character(decode_utf8(text_, at_)));
        if (all.children.size() == before) return;
        Tree last = std::move(all.children.back());
        all.children.back() = repeated(std::move(last), groups_);
    }

    Tree repeated(Tree what, std::uint32_t groups_before) {
        skip_comments();
        Tree repeat;
        repeat.kind = Tree::Kind::Repeat;
        repeat.most = kUnbounded;
        if (take_if("*")) {
        } else if (take_if("+")) {
            repeat.least = 1;
        } else if (take_if("?")) {
            repeat.most = 1;
        } else if (!(peek() == '{' && counts(repeat.least, repeat.most))) {
            return what;
        }
        repeat.lazy = take_if("?");
        repeat.first = groups_before;
        repeat.end = groups_;
        if (java_ && peek() == '+') refuse("possessive repetition is not supported");
        if (peek() == '*' || peek() == '+' || peek() == '?' || (java_ && peek() == '{')) {
            refuse("nothing to repeat");
        }
        repeat.children.push_back(std::move(what));
        return repeat;
    }

    // {2}, {2,} or {2,3}.
    bool counts(std::uint32_t& least, std::uint32_t& most) {
        std::size_t at = at_ + 1;
        const auto read = [&](std::uint32_t& value) {
            const std::size_t from = at;
            value = 0;
            for (; at < text_.size() && text_[at] >= '0' && text_[at] <= '9'; ++at) {
                if (value <= kMaxRepeat) value = value * 10 + static_cast<std::uint32_t>(text_[at] - '0');
            }
            return at > from;
        };
        bool well_formed = read(least);
        most = least;
        if (well_formed && at < text_.size() && text_[at] == ',') {
            ++at;
            if (!read(most)) most = kUnbounded;
        }
        well_formed = well_formed && at < text_.size() && text_[at] == '}';
        if (!well_formed) {
            if (java_) refuse("wrong repetition");
            return false;
        }
        at_ = at + 1;
        if (least > kMaxRepeat || (most != kUnbounded && most > kMaxRepeat)) {
            refuse("more than 1000 repetitions are not supported");
        }
        if (most < least) refuse("numbers out of order in {}");
        return true;
    }

    Tree atom() {
        switch (peek()) {
            case '(':
                return group();
            case '[':
                return bracket();
            case '.':
                ++at_;
                if (dot_matches_all_) return of_set({{0, kLast}});
                return of_set(complement(java_ ? kJavaLineEnds : kLineEnds));
            case '^':
                ++at_;
                return edge(multiline_ ? Op::LineStart : Op::TextStart);
            case '$':
                ++at_;
                return edge(multiline_ ? Op::LineEnd : java_ ? Op::LastLineEnd : Op::TextEnd);
            case '*':
            case '+':
            case '?':
                refuse("nothing to repeat");
            case '{':
                if (java_) refuse("nothing to repeat");
                break;
            case '\\':
                ++at_;
                if (take_if("b")) return edge(Op::WordEdge);
                if (take_if("B")) return edge(Op::NotWordEdge);
                if (java_ && take_if("A")) return edge(Op::TextStart);
                if (java_ && take_if("z")) return edge(Op::TextEnd);
                if (java_ && take_if("Z")) return edge(Op::LastLineEnd);
                return of_set(escaped(false));
            default:
                break;
        }
        return character(decode_utf8(text_, at_));
    }

    Tree group() {
        ++at_;
        Tree tree;
        tree.kind = Tree::Kind::Group;
        if (take_if("?")) {
            if (peek() == '=' || peek() == '!') refuse("look-ahead is not supported");
            if (peek() == '<' && (peek(1) == '=' || peek(1) == '!')) refuse("look-behind is not supported");
            if (take_if("<")) {
                const std::size_t end = text_.find('>', at_);
                if (end == std::string_view::npos || end == at_) refuse("invalid name of a group");
                at_ = end + 1;
                tree.group = groups_++;
            } else if (!take_if(":")) {
                refuse(java_ ? "atomic groups and flags inside a pattern are not supported"
                             : "invalid group");
            }
        } else {
            tree.group = groups_++;
        }
        tree.children.push_back(choice());
        if (!take_if(")")) refuse("a group is not closed");
        return tree;
    }

    Tree bracket() {
        ++at_;
        Ranges set;
        const bool negated = take_if("^");
        // Java takes a bracket that stands first for itself; ECMAScript has empty sets.
        for (bool first = java_; first || peek() != ']'; first = false) {
            if (!more()) refuse("a bracket is not closed");
            if (java_ && (peek() == '[' || text_.substr(at_, 2) == "&&")) {
                refuse("classes inside classes are not supported");
            }
            const Ranges from = member();
            if (peek() != '-' || peek(1) == ']' || at_ + 1 >= text_.size()) {
                set.insert(set.end(), from.begin(), from.end());
                continue;
            }
            ++at_;
            const Ranges to = member();
            if (is_single(from) && is_single(to)) {
                if (to[0].first < from[0].first) refuse("a range in brackets is out of order");
                set.push_back({from[0].first, to[0].first});
                continue;
            }
            if (java_) refuse("wrong range in brackets");
            set.insert(set.end(), from.begin(), from.end());
            set.insert(set.end(), to.begin(), to.end());
            set.push_back({'-', '-'});
        }
        ++at_;
        Tree tree = of_set(std::move(set));
        tree.negated = negated;
        return tree;
    }

    Ranges member() {
        if (take_if("\\")) return escaped(true);
        if (!more()) refuse("a bracket is not closed");
        const char32_t c = decode_utf8(text_, at_);
        return {{c, c}};
    }

    Tree character(char32_t c) { return of_set({{c, c}}); }
    Tree of_set(Ranges set) {
        if (program_.ignore_case && !java_) {
            for (Range& range : set) {
                if (range.first == range.last) range.first = range.last = text::fold_case(range.first);
            }
        }
        tidy(set);
        Tree tree;
        tree.kind = Tree::Kind::Set;
        tree.first = static_cast<std::uint32_t>(program_.ranges.size());
        program_.ranges.insert(program_.ranges.end(), set.begin(), set.end());
        tree.end = static_cast<std::uint32_t>(program_.ranges.size());
        return tree;
    }
    static Tree edge(Op op) {
        Tree tree;
        tree.kind = Tree::Kind::Edge;
        tree.edge = op;
        return tree;
    }

    // ------------------------------------------------------------------------------------------ escapes

    // The characters that a backslash and what follows it stand for.
    Ranges escaped(bool in_brackets) {
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

    Ranges java_escape(char32_t c, std::size_t from) {
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

    // So many hexadecimal digits, or for 0 those up to a closing brace.
    Ranges code_point(int digits) {
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

    Ranges property() {
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

    Ranges ecmascript_escape(char32_t c, bool in_brackets) {
        switch (c) {
            case 'v':
                return {{'\v', '\v'}};
            case 'b':
                return {{'\b', '\b'}};  // only in brackets: outside of them it is an edge
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

    // ECMAScript takes the letter for itself where the digits are missing.
    Ranges hexadecimal(std::size_t digits, char32_t letter) {
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

    std::string_view text_;
    std::size_t at_ = 0;
    Program& program_;
    bool java_;
    bool multiline_ = false;
    bool dot_matches_all_ = false;
    bool comments_ = false;
    unsigned depth_ = 0;
    std::uint32_t groups_ = 1;
};

}  // namespace

Pattern parse(std::string_view pattern, std::string_view flags, Program& program) {
    return Parser(pattern, flags, program).run();
}

}  // namespace flowctl::regex
