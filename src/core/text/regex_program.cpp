// Builds the program of a pattern. A repetition with counts is written out that often, so the size of the
// program is bounded, and with it the time for building.
#include "core/text/regex_program.hpp"

#include <utility>

#include "core/interrupt.hpp"
#include "core/text/regex_parse.hpp"

namespace flowctl::regex {
namespace {

using Op = Instruction::Op;

constexpr std::size_t kMaxProgram = 20'000;

class Builder {
  public:
    Builder(Program& program, Captures captures)
        : program_(program), captures_(captures == Captures::Groups) {}

    void run(const Pattern& pattern) {
        if (captures_) {
            program_.slots = 2 * pattern.groups;
            put({Op::Save, false, 0, 0});
        }
        emit(pattern.tree);
        if (captures_) put({Op::Save, false, 1, 0});
        put({Op::Match, false, 0, 0});
    }

  private:
    std::uint32_t put(Instruction instruction) {
        if (program_.code.size() >= kMaxProgram) throw Refused{"the pattern is too large"};
        program_.code.push_back(instruction);
        return static_cast<std::uint32_t>(program_.code.size() - 1);
    }
    std::uint32_t here() const noexcept { return static_cast<std::uint32_t>(program_.code.size()); }

    void emit(const Tree& tree) {
        // Rounds are counted, because repetitions of nothing take time without adding instructions.
        poll_.round();
        if (++emitted_ > 2 * kMaxProgram) throw Refused{"the pattern is too large"};
        switch (tree.kind) {
            case Tree::Kind::Set:
                put({Op::Set, tree.negated, tree.first, tree.end});
                break;
            case Tree::Kind::Edge:
                put({tree.edge, false, 0, 0});
                break;
            case Tree::Kind::Group: {
                const bool saves = captures_ && tree.group > 0;
                if (saves) put({Op::Save, false, 2 * tree.group, 0});
                emit(tree.children.front());
                if (saves) put({Op::Save, false, 2 * tree.group + 1, 0});
                break;
            }
            case Tree::Kind::Sequence:
                for (const Tree& child : tree.children)
                    emit(child);
                break;
            case Tree::Kind::Choice:
                emit_choice(tree);
                break;
            case Tree::Kind::Repeat:
                emit_repeat(tree);
                break;
        }
    }

    void emit_choice(const Tree& tree) {
        std::vector<std::uint32_t> ends;
        for (std::size_t i = 0; i + 1 < tree.children.size(); ++i) {
            const std::uint32_t split = put({Op::Split, false, here() + 1, 0});
            emit(tree.children[i]);
            ends.push_back(put({Op::Jump, false, 0, 0}));
            program_.code[split].second = here();
        }
        emit(tree.children.back());
        for (const std::uint32_t end : ends)
            program_.code[end].first = here();
    }

    // One round of a repetition. The groups inside begin anew in it.
    void emit_round(const Tree& tree) {
        if (captures_ && tree.first < tree.end) put({Op::Forget, false, 2 * tree.first, 2 * tree.end});
        emit(tree.children.front());
    }

    void aim(std::uint32_t split, std::uint32_t inside, std::uint32_t after, bool lazy) {
        program_.code[split].first = lazy ? after : inside;
        program_.code[split].second = lazy ? inside : after;
    }

    void emit_repeat(const Tree& tree) {
        for (std::uint32_t i = 0; i < tree.least; ++i)
            emit_round(tree);
        if (tree.most == kUnbounded) {
            const std::uint32_t split = put({Op::Split, false, 0, 0});
            emit_round(tree);
            put({Op::Jump, false, split, 0});
            aim(split, split + 1, here(), tree.lazy);
            return;
        }
        std::vector<std::uint32_t> splits;
        for (std::uint32_t i = tree.least; i < tree.most; ++i) {
            splits.push_back(put({Op::Split, false, 0, 0}));
            emit_round(tree);
        }
        for (const std::uint32_t split : splits)
            aim(split, split + 1, here(), tree.lazy);
    }

    Program& program_;
    bool captures_;
    std::size_t emitted_ = 0;
    Poll poll_;
};

}  // namespace

Result<Program, std::string> compile(std::string_view pattern, std::string_view flags, Dialect dialect,
                                     Captures captures) {
    Program program;
    program.dialect = dialect;
    try {
        Builder(program, captures).run(parse(pattern, flags, program));
    } catch (Refused& refused) {
        return Err{std::move(refused.why)};
    }
    if (!ProgramQuota::take(program.code.size()))
        return Err{std::string("the patterns of the definition are too large together")};
    return program;
}

}  // namespace flowctl::regex
