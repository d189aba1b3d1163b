// The parser of regular expressions: recursive descent with a bounded depth, for both dialects.
//
// The dialects have the same grammar for choices, sequences, repetitions, groups and brackets. They differ in
// the allowed escapes (regex_escapes.hpp), in the characters that are blank or end a line, and in odd
// patterns: if no repetition follows a "{", ECMAScript takes it for itself and Java refuses it.
#include "core/text/regex_parse.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "core/text/case.hpp"
#include "core/text/regex_escapes.hpp"

namespace flowctl::regex {
namespace {

using Op = Instruction::Op;

constexpr std::uint32_t kMaxRepeat = 1000;
constexpr unsigned kMaxDepth = 100;

const Ranges kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
const Ranges kJavaLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}};

bool is_single(const Ranges& set) {
    return set.size() == 1 && set[0].first == set[0].last;
}

class Parser : private PatternText {
  public:
    Parser(std::string_view text, std::string_view flags, Program& program)
        : PatternText(text, program.dialect == Dialect::Java), program_(program) {
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

    // Reads the characters up to \E, which stand for themselves. A repetition behind them repeats the last
    // one.
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

    // Reads {2}, {2,} or {2,3}.
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
        // Java takes a closing bracket in the first place for itself; ECMAScript has empty sets.
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

    Program& program_;
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
