// Runs a program: its threads go over the text in step, in the order of preference.
//
// Before each character at most one thread is at each instruction, so the cost is the length of the text
// times the size of the program. Each thread carries its captures, if the program has any.
#include "core/text/regex_run.hpp"

#include <algorithm>
#include <cstdint>

#include "base/utf8.hpp"
#include "core/text/case.hpp"

namespace flowctl::regex {
namespace {

using Op = Instruction::Op;

bool is_word(char32_t c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

char32_t other_ascii_case(char32_t c) noexcept {
    if (c >= 'a' && c <= 'z') return c - 32;
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

// The threads before one character, in the order of preference. Their captures lie one after another.
struct Threads {
    std::vector<std::uint32_t> at;
    std::vector<std::size_t> bounds;
    std::vector<std::uint32_t> marks;
    std::uint32_t generation = 0;

    void clear() {
        at.clear();
        bounds.clear();
        // When the counter has wrapped around, an old mark must not look like a new one.
        if (++generation == 0) {
            std::fill(marks.begin(), marks.end(), 0);
            generation = 1;
        }
    }
};

// Work that is left for one thread: an instruction to follow, or a capture to restore.
struct Pending {
    std::uint32_t at;
    std::uint32_t slot;  // kNoSlot means: follow `at`
    std::size_t old;
};
constexpr std::uint32_t kNoSlot = 0xffffffff;

class Machine {
  public:
    Machine(const Program& program, std::string_view text, Budget& budget)
        : program_(program), text_(text), budget_(budget), current_(program.slots) {
        const std::size_t size = program.code.size();
        budget.bytes(size * (2 * sizeof(std::uint32_t) + 2 * program.slots * sizeof(std::size_t)));
        budget.step(size / 16 + 1);
        now_.marks.assign(size, 0);
        next_.marks.assign(size, 0);
        now_.clear();
        next_.clear();
    }

    bool matches_whole() {
        follow(now_, 0, 0, 0);
        for (std::size_t at = 0; at < text_.size();) {
            if (now_.at.empty()) return false;
            const char32_t c = decode_utf8(text_, at);
            budget_.step(now_.at.size() + 1);
            next_.clear();
            for (std::size_t i = 0; i < now_.at.size(); ++i)
                advance(i, at, c);
            std::swap(now_, next_);
        }
        return std::any_of(now_.at.begin(), now_.at.end(),
                           [&](std::uint32_t at) { return program_.code[at].op == Op::Match; });
    }

    bool find(std::size_t from, Match& match) {
        bool found = false;
        char32_t before = character_before(from);
        for (std::size_t at = from;;) {
            if (!found) {
                std::fill(current_.begin(), current_.end(), Match::kNone);
                follow(now_, 0, at, before);
            }
            if (found && now_.at.empty()) break;
            const bool at_end = at == text_.size();
            std::size_t after = at;
            const char32_t c = at_end ? 0 : decode_utf8(text_, after);
            next_.clear();
            budget_.step(now_.at.size() + 1);
            for (std::size_t i = 0; i < now_.at.size(); ++i) {
                if (program_.code[now_.at[i]].op == Op::Match) {
                    const std::size_t* captures = now_.bounds.data() + i * program_.slots;
                    match.bounds.assign(captures, captures + program_.slots);
                    found = true;
                    break;  // the threads behind this one have lower preference
                }
                if (!at_end) advance(i, after, c);
            }
            if (at_end) break;
            before = c;
            at = after;
            std::swap(now_, next_);
        }
        return found;
    }

  private:
    char32_t character_before(std::size_t at) const {
        if (at == 0) return 0;
        std::size_t last = at - 1;
        while (last > 0 && (static_cast<unsigned char>(text_[last]) & 0xc0) == 0x80)
            --last;
        return decode_utf8(text_, last);
    }

    bool is_line_end(char32_t c) const noexcept {
        return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 ||
               (c == 0x85 && program_.dialect == Dialect::Java);
    }

    bool in_set(const Instruction& set, char32_t c) const noexcept {
        const Range* first = program_.ranges.data() + set.first;
        const Range* end = program_.ranges.data() + set.second;
        if (end - first > 8) {
            first = std::partition_point(first, end, [&](Range range) { return range.last < c; });
            return first != end && c >= first->first;
        }
        for (; first != end; ++first) {
            if (c >= first->first && c <= first->last) return true;
        }
        return false;
    }

    bool accepts(const Instruction& set, char32_t c) const noexcept {
        bool found = in_set(set, c);
        if (!found && program_.ignore_case) {
            found = program_.dialect == Dialect::Java
                        ? in_set(set, other_ascii_case(c))
                        : in_set(set, text::fold_case(c)) || in_set(set, text::lower_case(c));
        }
        return found != set.negated;
    }

    // The thread `i` takes the character `c`, which ends before `after`.
    void advance(std::size_t i, std::size_t after, char32_t c) {
        const Instruction& instruction = program_.code[now_.at[i]];
        if (instruction.op != Op::Set || !accepts(instruction, c)) return;
        const std::size_t* captures = now_.bounds.data() + i * program_.slots;
        current_.assign(captures, captures + program_.slots);
        follow(next_, now_.at[i] + 1, after, c);
    }

    bool holds(Op op, std::size_t at, char32_t before) const {
        const bool at_start = at == 0;
        const bool at_end = at == text_.size();
        std::size_t end = at;
        const char32_t after = at_end ? 0 : decode_utf8(text_, end);
        switch (op) {
            case Op::TextStart:
                return at_start;
            case Op::TextEnd:
                return at_end;
            case Op::LineStart:
                // In Java a line begins only if something follows.
                return at_start || (is_line_end(before) && !(at_end && program_.dialect == Dialect::Java));
            case Op::LineEnd:
                return at_end || is_line_end(after);
            case Op::LastLineEnd:
                return at_end || (is_line_end(after) && (end == text_.size() || text_.substr(at) == "\r\n"));
            default:
                return ((!at_start && is_word(before)) != (!at_end && is_word(after))) ==
                       (op == Op::WordEdge);
        }
    }

    // Adds the threads that follow from `start` with the captures in `current_`.
    void follow(Threads& threads, std::uint32_t start, std::size_t at, char32_t before) {
        pending_.push_back({start, kNoSlot, 0});
        while (!pending_.empty()) {
            const Pending top = pending_.back();
            pending_.pop_back();
            if (top.slot != kNoSlot) {
                current_[top.slot] = top.old;
                continue;
            }
            if (threads.marks[top.at] == threads.generation) continue;
            threads.marks[top.at] = threads.generation;
            budget_.step();
            const Instruction& instruction = program_.code[top.at];
            switch (instruction.op) {
                case Op::Set:
                case Op::Match:
                    budget_.step(program_.slots / 16);
                    threads.at.push_back(top.at);
                    threads.bounds.insert(threads.bounds.end(), current_.begin(), current_.end());
                    break;
                case Op::Jump:
                    pending_.push_back({instruction.first, kNoSlot, 0});
                    break;
                case Op::Split:
                    pending_.push_back({instruction.second, kNoSlot, 0});
                    pending_.push_back({instruction.first, kNoSlot, 0});
                    break;
                case Op::Save:
                    pending_.push_back({0, instruction.first, current_[instruction.first]});
                    current_[instruction.first] = at;
                    pending_.push_back({top.at + 1, kNoSlot, 0});
                    break;
                case Op::Forget:
                    for (std::uint32_t slot = instruction.first; slot < instruction.second; ++slot) {
                        pending_.push_back({0, slot, current_[slot]});
                        current_[slot] = Match::kNone;
                    }
                    budget_.step(instruction.second - instruction.first);
                    pending_.push_back({top.at + 1, kNoSlot, 0});
                    break;
                default:
                    if (holds(instruction.op, at, before)) pending_.push_back({top.at + 1, kNoSlot, 0});
            }
        }
    }

    const Program& program_;
    std::string_view text_;
    Budget& budget_;
    Threads now_, next_;
    std::vector<Pending> pending_;
    std::vector<std::size_t> current_;
};

}  // namespace

bool matches(const Program& program, std::string_view text, Budget& budget) {
    return Machine(program, text, budget).matches_whole();
}

bool find(const Program& program, std::string_view text, std::size_t from, Budget& budget, Match& match) {
    return Machine(program, text, budget).find(from, match);
}

}  // namespace flowctl::regex
