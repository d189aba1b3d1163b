// Patterns to programs. Recursive descent with a bounded depth; repetitions are written out, so the size of
// the program is bounded too.
#include <algorithm>

#include "base/utf8.hpp"
#include "core/text/case.hpp"
#include "core/text/regex_match.hpp"
#include "core/text/regex_program.hpp"

namespace flowctl::jsonata {

using Op = Regex::Instruction::Op;
using Ranges = std::vector<Regex::Range>;

namespace {

constexpr char32_t kLast = 0x10ffff;
constexpr std::uint32_t kUnbounded = 0xffffffff;
constexpr std::uint32_t kMaxRepeat = 1000;
constexpr std::size_t kMaxProgram = 20000;
constexpr unsigned kMaxDepth = 100;

const Ranges kDigits = {{'0', '9'}};
const Ranges kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpaces = {{9, 13},          {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680},
                        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f},
                        {0x3000, 0x3000}, {0xfeff, 0xfeff}};

Ranges complement(const Ranges& set) {
    Ranges result;
    char32_t next = 0;
    for (const Regex::Range& range : set) {
        if (range.first > next) result.push_back({next, range.first - 1});
        next = range.last + 1;
    }
    if (next <= kLast) result.push_back({next, kLast});
    return result;
}

struct Refused {
    std::string why;
};

struct Tree {
    enum class Kind : std::uint8_t { Set, Edge, Group, Sequence, Choice, Repeat };
    Kind kind = Kind::Sequence;
    Op edge = Op::LineStart;
    bool negated = false;
    bool lazy = false;
    Ranges set;
    std::vector<Tree> children;
    std::uint32_t least = 0;
    std::uint32_t most = 0;
    std::uint32_t group = 0;        // Group: its number
    std::uint32_t first_group = 0;  // Repeat: groups inside, to forget
    std::uint32_t after_groups = 0;
};

}  // namespace

class RegexParser {
  public:
    RegexParser(std::string_view text, std::string_view flags) : text_(text), regex_(new Regex) {
        regex_->pattern_ = text;
        regex_->ignore_case_ = flags.find('i') != std::string_view::npos;
        regex_->multiline_ = flags.find('m') != std::string_view::npos;
    }

    std::unique_ptr<Regex> run() {
        const Tree tree = choice();
        if (at_ < text_.size()) refuse("unmatched )");
        regex_->slots_ = 2 * groups_;
        put({Op::Save, false, 0, 0});
        emit(tree);
        put({Op::Save, false, 1, 0});
        put({Op::Match, false, 0, 0});
        return std::move(regex_);
    }

  private:
    [[noreturn]] static void refuse(std::string why) { throw Refused{std::move(why)}; }
    char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    bool more() const noexcept { return at_ < text_.size(); }
    bool take_if(std::string_view what) {
        if (text_.substr(at_, what.size()) != what) return false;
        at_ += what.size();
        return true;
    }

    Tree choice() {
        if (++depth_ > kMaxDepth) refuse("groups are nested too deeply");
        Tree result;
        result.kind = Tree::Kind::Choice;
        do {
            result.children.push_back(sequence());
        } while (take_if("|"));
        --depth_;
        if (result.children.size() == 1) {
            Tree only = std::move(result.children.front());
            return only;
        }
        return result;
    }

    Tree sequence() {
        Tree result;
        while (more() && peek() != '|' && peek() != ')') {
            const std::uint32_t before = groups_;
            result.children.push_back(quantified(atom(), before));
        }
        return result;
    }

    Tree quantified(Tree what, std::uint32_t groups_before) {
        std::uint32_t least = 0;
        std::uint32_t most = kUnbounded;
        if (take_if("*")) {
        } else if (take_if("+")) {
            least = 1;
        } else if (take_if("?")) {
            most = 1;
        } else if (!(peek() == '{' && counts(least, most))) {
            return what;
        }
        Tree repeat;
        repeat.kind = Tree::Kind::Repeat;
        repeat.least = least;
        repeat.most = most;
        repeat.lazy = take_if("?");
        repeat.first_group = groups_before;
        repeat.after_groups = groups_;
        if (peek() == '*' || peek() == '+' || peek() == '?') refuse("nothing to repeat");
        repeat.children.push_back(std::move(what));
        return repeat;
    }

    // {2}, {2,} or {2,3}; anything else is text.
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
        if (!read(least)) return false;
        most = least;
        if (at < text_.size() && text_[at] == ',') {
            ++at;
            if (!read(most)) most = kUnbounded;
        }
        if (at >= text_.size() || text_[at] != '}') return false;
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
                return of_set(complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
            case '^':
                ++at_;
                return edge(Op::LineStart);
            case '$':
                ++at_;
                return edge(Op::LineEnd);
            case '*':
            case '+':
            case '?':
                refuse("nothing to repeat");
            case '\\':
                ++at_;
                if (take_if("b")) return edge(Op::WordEdge);
                if (take_if("B")) return edge(Op::NotWordEdge);
                return of_set(escaped(false));
            default: {
                const char32_t c = decode_utf8(text_, at_);
                return of_set({{c, c}});
            }
        }
    }

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
                refuse("invalid group");
            }
        } else {
            tree.group = groups_++;
        }
        tree.children.push_back(choice());
        if (!take_if(")")) refuse("unterminated group");
        return tree;
    }

    // What stands after a backslash, in brackets or not.
    Ranges escaped(bool in_brackets) {
        if (!more()) refuse("\\ at the end of the pattern");
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
            case 'v':
                return {{'\v', '\v'}};
            case 'b':
                if (in_brackets) return {{'\b', '\b'}};
                break;
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
                if (c >= '1' && c <= '9' && !in_brackets) refuse("back references are not supported");
                if (c == 'k' && peek() == '<') refuse("back references are not supported");
        }
        return {{c, c}};
    }

    Ranges hexadecimal(std::size_t digits, char32_t letter) {
        char32_t value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            const char c = peek(i);
            const char lower = static_cast<char>(c | 0x20);
            const int digit = c >= '0' && c <= '9'           ? c - '0'
                              : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                             : -1;
            if (digit < 0) return {{letter, letter}};
            value = value << 4 | static_cast<char32_t>(digit);
        }
        at_ += digits;
        // Two escapes may be the halves of one character.
        if (value >= 0xd800 && value < 0xdc00 && peek() == '\\' && peek(1) == 'u') {
            const std::size_t here = at_;
            at_ += 2;
            const Ranges low = hexadecimal(4, 'u');
            if (low[0].first >= 0xdc00 && low[0].first <= 0xdfff) {
                value = 0x10000 + ((value - 0xd800) << 10) + (low[0].first - 0xdc00);
            } else {
                at_ = here;
            }
        }
        return {{value, value}};
    }

    Tree bracket() {
        ++at_;
        Ranges set;
        const bool negated = take_if("^");
        while (peek() != ']') {
            if (!more()) refuse("unterminated character class");
            const Ranges from = member();
            if (peek() != '-' || peek(1) == ']' || at_ + 1 >= text_.size()) {
                set.insert(set.end(), from.begin(), from.end());
                continue;
            }
            ++at_;
            const Ranges to = member();
            const auto single = [](const Ranges& r) { return r.size() == 1 && r[0].first == r[0].last; };
            if (single(from) && single(to)) {
                if (to[0].first < from[0].first) refuse("range out of order in character class");
                set.push_back({from[0].first, to[0].first});
            } else {
                set.insert(set.end(), from.begin(), from.end());
                set.insert(set.end(), to.begin(), to.end());
                set.push_back({'-', '-'});
            }
        }
        ++at_;
        Tree tree = of_set(std::move(set));
        tree.negated = negated;
        return tree;
    }

    Ranges member() {
        if (take_if("\\")) return escaped(true);
        if (!more()) refuse("unterminated character class");
        const char32_t c = decode_utf8(text_, at_);
        return {{c, c}};
    }

    // ------------------------------------------------------------------------------------------ to a program

    std::uint32_t put(Regex::Instruction instruction) {
        if (regex_->program_.size() >= kMaxProgram) refuse("too large");
        regex_->program_.push_back(instruction);
        return static_cast<std::uint32_t>(regex_->program_.size() - 1);
    }
    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(regex_->program_.size()); }

    void emit(const Tree& tree) {
        // Counted, because repetitions of nothing cost time without adding instructions.
        if (++emitted_ > 2 * kMaxProgram) refuse("too large");
        switch (tree.kind) {
            case Tree::Kind::Set:
                emit_set(tree);
                break;
            case Tree::Kind::Edge:
                put({tree.edge, false, 0, 0});
                break;
            case Tree::Kind::Group:
                if (tree.group > 0) put({Op::Save, false, 2 * tree.group, 0});
                emit(tree.children.front());
                if (tree.group > 0) put({Op::Save, false, 2 * tree.group + 1, 0});
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
                    regex_->program_[split].second = here();
                }
                emit(tree.children.back());
                for (const std::uint32_t end : ends)
                    regex_->program_[end].first = here();
                break;
            }
            case Tree::Kind::Repeat:
                emit_repeat(tree);
                break;
        }
    }

    void emit_set(const Tree& tree) {
        Ranges set = tree.set;
        if (regex_->ignore_case_) {
            for (Regex::Range& range : set) {
                if (range.first != range.last) continue;
                range.first = range.last = fold_case(range.first);
            }
        }
        const auto first = static_cast<std::uint32_t>(regex_->ranges_.size());
        put({Op::Set, tree.negated, first, static_cast<std::uint32_t>(set.size())});
        regex_->ranges_.insert(regex_->ranges_.end(), set.begin(), set.end());
        if (regex_->ranges_.size() > 10 * kMaxProgram) refuse("too large");
    }

    // One round of a repetition, in which the groups inside begin anew.
    void emit_round(const Tree& tree) {
        if (tree.first_group < tree.after_groups) {
            put({Op::Forget, false, 2 * tree.first_group, 2 * tree.after_groups});
        }
        emit(tree.children.front());
    }

    std::uint32_t put_split() { return put({Op::Split, false, 0, 0}); }
    void aim(std::uint32_t split, std::uint32_t inside, std::uint32_t after, bool lazy) {
        regex_->program_[split].first = lazy ? after : inside;
        regex_->program_[split].second = lazy ? inside : after;
    }

    void emit_repeat(const Tree& tree) {
        for (std::uint32_t i = 0; i < tree.least; ++i)
            emit_round(tree);
        if (tree.most == kUnbounded) {
            const std::uint32_t split = put_split();
            emit_round(tree);
            put({Op::Jump, false, split, 0});
            aim(split, split + 1, here(), tree.lazy);
            return;
        }
        std::vector<std::uint32_t> splits;
        for (std::uint32_t i = tree.least; i < tree.most; ++i) {
            splits.push_back(put_split());
            emit_round(tree);
        }
        for (const std::uint32_t split : splits)
            aim(split, split + 1, here(), tree.lazy);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned depth_ = 0;
    std::uint32_t groups_ = 1;
    std::size_t emitted_ = 0;
    std::unique_ptr<Regex> regex_;
};

Result<std::unique_ptr<Regex>, std::string> Regex::compile(std::string_view pattern, std::string_view flags) {
    try {
        return RegexParser(pattern, flags).run();
    } catch (const Refused& refused) {
        return Err{refused.why};
    }
}

}  // namespace flowctl::jsonata
