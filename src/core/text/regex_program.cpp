// The compiler of regular expressions (recursive descent to a tree, then to a program) and the machine that
// runs the program's threads in step over the text.
//
// Bounded: groups nest at most kMaxDepth deep, and a program has at most kMaxProgram instructions, counted
// repetitions written out.
#include "core/text/regex_program.hpp"

#include <algorithm>
#include <memory>

#include "base/utf8.hpp"

namespace flowctl::path {

using Range = Regex::Range;
using Instruction = Regex::Instruction;
using Op = Regex::Instruction::Op;

namespace {

constexpr unsigned kMaxDepth = 64;
constexpr std::size_t kMaxProgram = 10'000;
constexpr std::uint32_t kUnbounded = 0xffffffff;
constexpr std::uint32_t kMaxRepeat = 1'000;
constexpr char32_t kLast = 0x10ffff;

using Ranges = std::vector<Range>;

Ranges complement(Ranges set) {
    std::sort(set.begin(), set.end(), [](Range a, Range b) { return a.first < b.first; });
    Ranges out;
    char32_t next = 0;
    for (const Range range : set) {
        if (range.first > next) out.push_back({next, range.first - 1});
        next = std::max<char32_t>(next, range.last + 1);
    }
    if (next <= kLast) out.push_back({next, kLast});
    return out;
}

// A part of a pattern.
struct Tree {
    enum class Kind { Set, Sequence, Choice, Repeat, Edge };
    Kind kind = Kind::Sequence;
    Ranges set;
    bool negated = false;
    std::vector<Tree> children;
    std::uint32_t least = 0, most = 0;  // Repeat
    Op edge = Op::Match;                // Edge
};

struct Malformed {
    std::string message;
};

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpaces = {{'\t', '\r'}, {' ', ' '}};

}  // namespace

class RegexCompiler {
  public:
    RegexCompiler(std::string_view pattern, std::string_view flags) : text_(pattern) {
        for (const char flag : flags)
            set_flag(flag);
    }

    Regex compile() {
        while (text_.substr(at_, 2) == "(?" && at_ + 2 < text_.size() && text_[at_ + 2] >= 'a' &&
               text_[at_ + 2] <= 'z') {
            at_ += 2;
            while (peek() != ')')
                set_flag(take());
            ++at_;
        }
        const Tree tree = choice();
        if (at_ < text_.size()) fail("unmatched closing parenthesis");
        emit(tree);
        put({Op::Match, false, 0, 0});
        return std::move(regex_);
    }

  private:
    [[noreturn]] static void fail(const std::string& why) { throw Malformed{"regular expression: " + why}; }
    char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
    char take() {
        if (at_ >= text_.size()) fail("ends too early");
        return text_[at_++];
    }
    bool take_if(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }

    void set_flag(char flag) {
        switch (flag) {
            case 'i':
                regex_.ignore_case_ = true;
                break;
            case 'm':
                regex_.multiline_ = true;
                break;
            case 's':
                dot_matches_all_ = true;
                break;
            case 'x':
                comments_ = true;
                break;
            case 'u':
            case 'd':
                break;
            default:
                fail(std::string("unknown flag ") + flag);
        }
    }

    // ------------------------------------------------------------------------------------------ to a tree

    Tree choice() {
        if (++depth_ > kMaxDepth) fail("nested too deeply");
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
        while (comments_ && at_ < text_.size()) {
            if (peek() == '#') {
                while (at_ < text_.size() && peek() != '\n')
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
            if (at_ >= text_.size() || peek() == '|' || peek() == ')') return all;
            if (take_if("\\Q")) {
                in_quotes(all);
                continue;
            }
            all.children.push_back(repeated(atom()));
        }
    }

    // \Q...\E: characters as they are; what follows repeats the last of them.
    void in_quotes(Tree& all) {
        const std::size_t before = all.children.size();
        while (at_ < text_.size() && !take_if("\\E"))
            all.children.push_back(character(decode_utf8(text_, at_)));
        if (all.children.size() == before) return;
        Tree last = std::move(all.children.back());
        all.children.back() = repeated(std::move(last));
    }

    Tree repeated(Tree what) {
        skip_comments();
        std::uint32_t least = 0, most = kUnbounded;
        if (take_if("*")) {
        } else if (take_if("+")) {
            least = 1;
        } else if (take_if("?")) {
            most = 1;
        } else if (take_if("{")) {
            least = most = number();
            if (take_if(",")) most = peek() == '}' ? kUnbounded : number();
            if (!take_if("}") || most < least) fail("wrong repetition");
        } else {
            return what;
        }
        (void)take_if("?");  // reluctant: the same language
        if (peek() == '+') fail("possessive repetition is not supported");
        if (peek() == '*' || peek() == '?' || peek() == '{') fail("nothing to repeat");
        Tree repeat;
        repeat.kind = Tree::Kind::Repeat;
        repeat.least = least;
        repeat.most = most;
        repeat.children.push_back(std::move(what));
        return repeat;
    }

    std::uint32_t number() {
        std::uint32_t value = 0;
        if (peek() < '0' || peek() > '9') fail("wrong repetition");
        while (peek() >= '0' && peek() <= '9') {
            value = value * 10 + static_cast<std::uint32_t>(take() - '0');
            if (value > kMaxRepeat) fail("repetition over 1000");
        }
        return value;
    }

    static Tree character(char32_t c) { return of_set({{c, c}}); }
    static Tree of_set(Ranges set) {
        Tree tree;
        tree.kind = Tree::Kind::Set;
        tree.set = std::move(set);
        return tree;
    }
    static Tree edge(Op op) {
        Tree tree;
        tree.kind = Tree::Kind::Edge;
        tree.edge = op;
        return tree;
    }

    Tree atom() {
        const char c = peek();
        switch (c) {
            case '(':
                return group();
            case '[':
                return bracket();
            case '.':
                ++at_;
                if (dot_matches_all_) return of_set({{0, kLast}});
                return of_set(complement({{'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}));
            case '^':
                ++at_;
                return edge(regex_.multiline_ ? Op::LineStart : Op::TextStart);
            case '$':
                ++at_;
                return edge(Op::LineEnd);
            case '*':
            case '+':
            case '?':
            case '{':
                fail("nothing to repeat");
            case '\\':
                ++at_;
                return escape();
            default:
                return character(decode_utf8(text_, at_));
        }
    }

    Tree group() {
        ++at_;
        if (take_if("?")) {
            if (take_if("<")) {
                if (peek() == '=' || peek() == '!') fail("look-behind is not supported");
                while (peek() != '>')
                    take();
                ++at_;
            } else if (!take_if(":")) {
                fail("look-ahead, atomic groups and flags inside a pattern are not supported");
            }
        }
        Tree inside = choice();
        if (!take_if(")")) fail("a group is not closed");
        return inside;
    }

    Tree escape() {
        switch (peek()) {
            case 'b':
                ++at_;
                return edge(Op::WordEdge);
            case 'B':
                ++at_;
                return edge(Op::NotWordEdge);
            case 'A':
                ++at_;
                return edge(Op::TextStart);
            case 'z':
                ++at_;
                return edge(Op::TextEnd);
            case 'Z':
                ++at_;
                return edge(Op::LineEnd);
            default:
                return of_set(escaped_set());
        }
    }

    // What a backslash and the characters after it stand for, inside and outside of brackets.
    Ranges escaped_set() {
        const std::size_t from = at_;
        const char32_t c = at_ < text_.size() ? decode_utf8(text_, at_) : 0;
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
                return kSpaces;
            case 'S':
                return complement(kSpaces);
            case 't':
                return {{'\t', '\t'}};
            case 'n':
                return {{'\n', '\n'}};
            case 'r':
                return {{'\r', '\r'}};
            case 'f':
                return {{'\f', '\f'}};
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
        if (at_ == from) fail("ends with a backslash");
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            fail("the escape \\" + std::string(text_.substr(from, at_ - from)) + " is not supported");
        }
        return {{c, c}};
    }

    // Hexadecimal digits: so many, or up to a closing brace.
    Ranges code_point(int digits) {
        char32_t value = 0;
        const bool braced = digits == 0;
        for (int i = 0; braced ? peek() != '}' : i < digits; ++i) {
            const char c = take();
            const int digit = c >= '0' && c <= '9'                     ? c - '0'
                              : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                                       : -1;
            if (digit < 0 || i > 7) fail("wrong hexadecimal escape");
            value = value * 16 + static_cast<char32_t>(digit);
        }
        if (braced) ++at_;
        if (value > kLast) fail("wrong hexadecimal escape");
        return {{value, value}};
    }

    Ranges property() {
        if (!take_if("{")) fail("\\p needs a name in braces");
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
        if (name == "Space") return kSpaces;
        if (name == "XDigit") return {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
        if (name == "ASCII") return {{0, 0x7f}};
        fail("the property " + name + " is not supported");
    }

    Tree bracket() {
        ++at_;
        const bool negated = take_if("^");
        Ranges set;
        for (bool first = true; first || peek() != ']'; first = false) {
            if (at_ >= text_.size()) fail("a bracket is not closed");
            if (peek() == '[' || text_.substr(at_, 2) == "&&")
                fail("classes inside classes are not supported");
            const Ranges from = class_member();
            if (peek() != '-' || at_ + 1 >= text_.size() || text_[at_ + 1] == ']') {
                set.insert(set.end(), from.begin(), from.end());
                continue;
            }
            ++at_;
            const Ranges to = class_member();
            if (from.size() != 1 || from[0].first != from[0].last || to.size() != 1 ||
                to[0].first != to[0].last || to[0].first < from[0].first) {
                fail("wrong range in brackets");
            }
            set.push_back({from[0].first, to[0].first});
        }
        ++at_;
        Tree tree = of_set(std::move(set));
        tree.negated = negated;
        return tree;
    }

    Ranges class_member() {
        if (take_if("\\")) return escaped_set();
        if (at_ >= text_.size()) fail("a bracket is not closed");
        const char32_t c = decode_utf8(text_, at_);
        return {{c, c}};
    }

    // ------------------------------------------------------------------------------------------ to a program

    std::uint32_t put(Instruction instruction) {
        if (regex_.program_.size() >= kMaxProgram) fail("too large");
        regex_.program_.push_back(instruction);
        return static_cast<std::uint32_t>(regex_.program_.size() - 1);
    }
    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(regex_.program_.size()); }

    void emit(const Tree& tree) {
        // Counted, because repetitions of nothing cost time without adding instructions.
        if (++emitted_ > 2 * kMaxProgram) fail("too large");
        switch (tree.kind) {
            case Tree::Kind::Set: {
                const auto first = static_cast<std::uint32_t>(regex_.ranges_.size());
                put({Op::Set, tree.negated, first, static_cast<std::uint32_t>(tree.set.size())});
                regex_.ranges_.insert(regex_.ranges_.end(), tree.set.begin(), tree.set.end());
                break;
            }
            case Tree::Kind::Edge:
                put({tree.edge, false, 0, 0});
                break;
            case Tree::Kind::Sequence:
                for (const Tree& child : tree.children)
                    emit(child);
                break;
            case Tree::Kind::Choice: {
                std::vector<std::uint32_t> ends;
                for (std::size_t i = 0; i + 1 < tree.children.size(); ++i) {
                    const std::uint32_t split = put({Op::Split, false, here() + 1, 0});
                    emit(tree.children[i]);
                    ends.push_back(put({Op::Jump, false, 0, 0}));
                    regex_.program_[split].count = here();
                }
                emit(tree.children.back());
                for (const std::uint32_t end : ends)
                    regex_.program_[end].first = here();
                break;
            }
            case Tree::Kind::Repeat:
                emit_repeat(tree);
                break;
        }
    }

    void emit_repeat(const Tree& tree) {
        const Tree& what = tree.children.front();
        for (std::uint32_t i = 0; i < tree.least; ++i)
            emit(what);
        if (tree.most == kUnbounded) {
            const std::uint32_t split = put({Op::Split, false, here() + 1, 0});
            emit(what);
            put({Op::Jump, false, split, 0});
            regex_.program_[split].count = here();
            return;
        }
        std::vector<std::uint32_t> splits;
        for (std::uint32_t i = tree.least; i < tree.most; ++i) {
            splits.push_back(put({Op::Split, false, here() + 1, 0}));
            emit(what);
        }
        for (const std::uint32_t split : splits)
            regex_.program_[split].count = here();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned depth_ = 0;
    bool dot_matches_all_ = false;
    bool comments_ = false;
    std::size_t emitted_ = 0;
    Regex regex_;

  public:
    static Result<Regex, std::string> run(std::string_view pattern, std::string_view flags) {
        try {
            return RegexCompiler(pattern, flags).compile();
        } catch (const Malformed& malformed) {
            return Err{malformed.message};
        }
    }
};

Result<Regex, std::string> Regex::compile(std::string_view pattern, std::string_view flags) {
    return RegexCompiler::run(pattern, flags);
}

}  // namespace flowctl::path
