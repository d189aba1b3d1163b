// Budget: what one evaluation may use. Depth, steps and bytes are counted; nothing is timed, so the same
// inputs give the same outcome.
//
// Every loop and every recursion of the core whose length a definition, a row or an answer can choose calls
// step(), enters a Depth, and accounts for what it builds with bytes(). A budget that runs out throws
// BudgetExceeded: an exceptional end that the machine turns into a failure of that run (core has no other way
// out of deep recursion, and PostgreSQL's check_stack_depth is not available here).
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace flowctl {

class BudgetExceeded : public std::runtime_error {
  public:
    enum class Of { Steps, Bytes, Depth };
    BudgetExceeded(Of of, const char* message) : std::runtime_error(message), of_(of) {}
    Of of() const noexcept { return of_; }

  private:
    Of of_;
};

class Budget {
  public:
    struct Limits {
        std::uint64_t steps = 20'000'000;
        std::size_t bytes = 256 * 1024 * 1024;
        unsigned depth = 1000;
    };

    Budget() = default;
    explicit Budget(const Limits& limits) : limits_(limits) {}

    void step(std::uint64_t n = 1) {
        steps_ += n;
        if (steps_ > limits_.steps) out_of_steps();
    }
    void bytes(std::size_t n) {
        bytes_ += n;
        if (bytes_ > limits_.bytes) out_of_bytes();
    }

    [[noreturn]] static void out_of_steps() {
        throw BudgetExceeded(BudgetExceeded::Of::Steps, "the evaluation takes too many steps");
    }
    [[noreturn]] static void out_of_bytes() {
        throw BudgetExceeded(BudgetExceeded::Of::Bytes, "the evaluation takes too much memory");
    }

    std::uint64_t steps_used() const noexcept { return steps_; }
    std::size_t bytes_used() const noexcept { return bytes_; }

    // One level of recursion, for the lifetime of the object.
    class Depth {
      public:
        explicit Depth(Budget& budget) : budget_(budget) {
            if (++budget_.depth_ > budget_.limits_.depth) {
                --budget_.depth_;
                throw BudgetExceeded(BudgetExceeded::Of::Depth, "the evaluation is nested too deeply");
            }
        }
        ~Depth() { --budget_.depth_; }
        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;

      private:
        Budget& budget_;
    };

  private:
    Limits limits_{};
    std::uint64_t steps_ = 0;
    std::size_t bytes_ = 0;
    unsigned depth_ = 0;
};

}  // namespace flowctl
