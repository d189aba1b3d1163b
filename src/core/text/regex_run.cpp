// The machine of regular expressions: runs the threads of a program in step over the text.
//
// Before each character every instruction is in at most one thread, so a text costs its length times the
// program's.
#include <algorithm>

#include "base/utf8.hpp"
#include "core/text/regex_program.hpp"

namespace flowctl::path {

using Instruction = Regex::Instruction;
using Op = Regex::Instruction::Op;

namespace {

bool is_line_end(char32_t c) {
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_word(char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The threads alive before a character, each instruction at most once.
class Threads {
  public:
    explicit Threads(std::size_t program) : marks_(program, 0) {}
    void clear() {
        alive_.clear();
        ++generation_;
    }
    bool add(std::uint32_t at) {
        if (marks_[at] == generation_) return false;
        marks_[at] = generation_;
        return true;
    }
    void keep(std::uint32_t at) { alive_.push_back(at); }
    const std::vector<std::uint32_t>& alive() const { return alive_; }

  private:
    std::vector<std::uint64_t> marks_;
    std::uint64_t generation_ = 1;
    std::vector<std::uint32_t> alive_;
};

// The characters around a position.
struct Neighbours {
    bool at_start, at_end, at_last_line_end;
    char32_t before, after;
};

bool holds(Op op, const Neighbours& n, bool multiline) {
    switch (op) {
        case Op::TextStart:
            return n.at_start;
        case Op::TextEnd:
            return n.at_end;
        case Op::LineStart:
            return n.at_start || (is_line_end(n.before) && !n.at_end);
        case Op::LineEnd:
            return n.at_end || n.at_last_line_end || (multiline && is_line_end(n.after));
        case Op::WordEdge:
        case Op::NotWordEdge: {
            const bool before = !n.at_start && is_word(n.before);
            const bool after = !n.at_end && is_word(n.after);
            return (before != after) == (op == Op::WordEdge);
        }
        default:
            return false;
    }
}

}  // namespace

bool Regex::matches(std::string_view text, Budget& budget) const {
    Threads now(program_.size()), next(program_.size());
    std::vector<std::uint32_t> pending;
    // Follows jumps, splits and edges from `start`, and keeps the threads that wait for a character.
    const auto follow = [&](Threads& threads, std::uint32_t start, const Neighbours& around) {
        pending.push_back(start);
        while (!pending.empty()) {
            const std::uint32_t at = pending.back();
            pending.pop_back();
            if (!threads.add(at)) continue;
            const Instruction& instruction = program_[at];
            switch (instruction.op) {
                case Op::Set:
                case Op::Match:
                    threads.keep(at);
                    break;
                case Op::Jump:
                    pending.push_back(instruction.first);
                    break;
                case Op::Split:
                    pending.push_back(instruction.count);
                    pending.push_back(instruction.first);
                    break;
                default:
                    if (holds(instruction.op, around, multiline_)) pending.push_back(at + 1);
            }
        }
    };
    const auto in_set = [&](const Instruction& set, char32_t c) {
        for (std::uint32_t i = set.first; i < set.first + set.count; ++i) {
            if (c >= ranges_[i].first && c <= ranges_[i].last) return true;
        }
        return false;
    };
    const auto accepts = [&](const Instruction& set, char32_t c) {
        bool found = in_set(set, c);
        if (!found && ignore_case_) {
            if (c >= 'a' && c <= 'z')
                found = in_set(set, c - 32);
            else if (c >= 'A' && c <= 'Z')
                found = in_set(set, c + 32);
        }
        return found != set.negated;
    };
    const auto around = [&](std::size_t at, char32_t before) {
        Neighbours n{at == 0, at == text.size(), false, before, 0};
        if (n.at_end) return n;
        std::size_t end = at;
        n.after = decode_utf8(text, end);
        n.at_last_line_end = is_line_end(n.after) && (end == text.size() || text.substr(at) == "\r\n");
        return n;
    };

    budget.bytes(program_.size() * 2 * sizeof(std::uint64_t));
    follow(now, 0, around(0, 0));
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = decode_utf8(text, at);
        budget.step(now.alive().size() + 1);
        if (now.alive().empty()) return false;
        const Neighbours n = around(at, c);
        next.clear();
        for (const std::uint32_t thread : now.alive()) {
            const Instruction& instruction = program_[thread];
            if (instruction.op != Op::Set) continue;
            budget.step(instruction.count / 8);
            if (accepts(instruction, c)) follow(next, thread + 1, n);
        }
        std::swap(now, next);
    }
    return std::any_of(now.alive().begin(), now.alive().end(),
                       [&](std::uint32_t thread) { return program_[thread].op == Op::Match; });
}

}  // namespace flowctl::path
