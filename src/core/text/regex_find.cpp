// The machine: threads of a program run in step over the text, those that are preferred first.
#include <algorithm>

#include "base/utf8.hpp"
#include "core/text/case.hpp"
#include "core/text/regex_match.hpp"
#include "core/text/regex_program.hpp"

namespace flowctl::jsonata {
namespace {

using Instruction = Regex::Instruction;
using Op = Regex::Instruction::Op;

bool is_line_end(char32_t c) noexcept {
    return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

bool is_word(char32_t c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Threads before one character, in order of preference, each instruction once. Captures lie one after
// another.
struct Threads {
    std::vector<std::uint32_t> at;
    std::vector<std::size_t> bounds;
    std::vector<std::uint32_t> marks;
    std::uint32_t generation = 0;

    void clear() {
        at.clear();
        bounds.clear();
        ++generation;
    }
};

// What is still to follow from one thread: an instruction, or a capture to put back.
struct Pending {
    std::uint32_t at;
    std::uint32_t slot;  // kNoSlot: follow `at`
    std::size_t old;
};
constexpr std::uint32_t kNoSlot = 0xffffffff;

}  // namespace

bool Regex::accepts(const Instruction& set, char32_t c) const noexcept {
    const auto in_set = [&](char32_t x) {
        for (std::uint32_t i = set.first; i < set.first + set.second; ++i) {
            if (x >= ranges_[i].first && x <= ranges_[i].last) return true;
        }
        return false;
    };
    bool found = in_set(c);
    if (!found && ignore_case_) found = in_set(fold_case(c)) || in_set(lower_case(c));
    return found != set.negated;
}

bool Regex::find(std::string_view text, std::size_t from, Budget& budget, Match& match) const {
    Threads now, next;
    now.marks.assign(program_.size(), 0);
    next.marks.assign(program_.size(), 0);
    budget.bytes(program_.size() * (2 * sizeof(std::uint32_t) + 2 * slots_ * sizeof(std::size_t)));
    budget.step(program_.size() / 16 + 1);
    std::vector<Pending> pending;
    std::vector<std::size_t> current(slots_);
    bool found = false;

    const auto holds = [&](Op op, std::size_t at, char32_t before) {
        const bool at_start = at == 0;
        const bool at_end = at == text.size();
        std::size_t end = at;
        const char32_t after = at_end ? 0 : decode_utf8(text, end);
        switch (op) {
            case Op::LineStart:
                return at_start || (multiline_ && is_line_end(before));
            case Op::LineEnd:
                return at_end || (multiline_ && is_line_end(after));
            default:
                return ((!at_start && is_word(before)) != (!at_end && is_word(after))) ==
                       (op == Op::WordEdge);
        }
    };
    // Adds the threads that come of `start` with the captures in `current`.
    const auto follow = [&](Threads& threads, std::uint32_t start, std::size_t at, char32_t before) {
        pending.push_back({start, kNoSlot, 0});
        while (!pending.empty()) {
            const Pending top = pending.back();
            pending.pop_back();
            if (top.slot != kNoSlot) {
                current[top.slot] = top.old;
                continue;
            }
            if (threads.marks[top.at] == threads.generation) continue;
            threads.marks[top.at] = threads.generation;
            budget.step();
            const Instruction& instruction = program_[top.at];
            switch (instruction.op) {
                case Op::Set:
                case Op::Match:
                    threads.at.push_back(top.at);
                    threads.bounds.insert(threads.bounds.end(), current.begin(), current.end());
                    break;
                case Op::Jump:
                    pending.push_back({instruction.first, kNoSlot, 0});
                    break;
                case Op::Split:
                    pending.push_back({instruction.second, kNoSlot, 0});
                    pending.push_back({instruction.first, kNoSlot, 0});
                    break;
                case Op::Save:
                    pending.push_back({0, instruction.first, current[instruction.first]});
                    current[instruction.first] = at;
                    pending.push_back({top.at + 1, kNoSlot, 0});
                    break;
                case Op::Forget:
                    for (std::uint32_t slot = instruction.first; slot < instruction.second; ++slot) {
                        pending.push_back({0, slot, current[slot]});
                        current[slot] = Match::kNone;
                    }
                    budget.step(instruction.second - instruction.first);
                    pending.push_back({top.at + 1, kNoSlot, 0});
                    break;
                default:
                    if (holds(instruction.op, at, before)) pending.push_back({top.at + 1, kNoSlot, 0});
            }
        }
    };

    char32_t before = 0;
    if (from > 0) {
        std::size_t last = from - 1;
        while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80)
            --last;
        before = decode_utf8(text, last);
    }
    now.clear();
    next.clear();
    for (std::size_t at = from;;) {
        if (!found) {
            std::fill(current.begin(), current.end(), Match::kNone);
            follow(now, 0, at, before);
        }
        if (found && now.at.empty()) break;
        const bool at_end = at == text.size();
        std::size_t after = at;
        const char32_t c = at_end ? 0 : decode_utf8(text, after);
        next.clear();
        budget.step(now.at.size() + 1);
        for (std::size_t i = 0; i < now.at.size(); ++i) {
            const Instruction& instruction = program_[now.at[i]];
            const std::size_t* captures = now.bounds.data() + i * slots_;
            if (instruction.op == Op::Match) {
                match.bounds.assign(captures, captures + slots_);
                found = true;
                break;  // the threads behind it are less preferred
            }
            if (at_end) continue;
            budget.step(instruction.second / 8);
            if (!accepts(instruction, c)) continue;
            current.assign(captures, captures + slots_);
            follow(next, now.at[i] + 1, after, c);
        }
        if (at_end) break;
        before = c;
        at = after;
        std::swap(now, next);
    }
    return found;
}

}  // namespace flowctl::jsonata
