// Budget: how much one evaluation may use. Depth, steps and bytes are counted and no time is measured, so the
// same inputs give the same outcome.
//
// A definition, a row or an answer can make a loop or a recursion of the core arbitrarily long. So each such
// loop calls step(), each such recursion enters a Depth, and whatever they build is counted with bytes(). A
// step is one visited value, one compared item, or some dozens of bytes that are read, so the number of steps
// grows with the time that passes. An exhausted budget throws BudgetExceeded, because the core has no other
// way out of a deep recursion; the machine turns the exception into a failure of that run. The budget also
// looks for interrupts while it counts; see interrupt.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "core/interrupt.hpp"

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
    explicit Budget(const Limits& limits) : limits_(limits) { look_ahead(); }

    void step(std::uint64_t n = 1) {
        steps_ += n;
        if (steps_ > checkpoint_) check();
    }
    // Filling memory takes time as well, so bytes are counted in steps, too.
    void bytes(std::size_t n) {
        bytes_ += n;
        if (bytes_ > limits_.bytes) out_of_bytes();
        step(n / kBytesOfStep);
    }
    // Counts text that is read, copied or compared once.
    void text(std::size_t size) { step(size / kTextOfStep); }

    [[noreturn]] static void out_of_steps() {
        throw BudgetExceeded(BudgetExceeded::Of::Steps, "the evaluation takes too many steps");
    }
    [[noreturn]] static void out_of_bytes() {
        throw BudgetExceeded(BudgetExceeded::Of::Bytes, "the evaluation takes too much memory");
    }

    std::uint64_t steps_used() const noexcept { return steps_; }
    std::size_t bytes_used() const noexcept { return bytes_; }

    // One level of recursion. The level ends with the object.
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
    static constexpr std::uint64_t kStepsBetweenLooks = 2048;
    static constexpr std::size_t kBytesOfStep = 256;
    static constexpr std::size_t kTextOfStep = 64;

    void check() {
        if (steps_ > limits_.steps) out_of_steps();
        poll_interrupt();
        look_ahead();
    }
    // Sets the step at which the limit is compared and interrupts are looked for the next time.
    void look_ahead() noexcept { checkpoint_ = std::min(limits_.steps, steps_ + kStepsBetweenLooks); }

    Limits limits_{};
    std::uint64_t steps_ = 0;
    std::uint64_t checkpoint_ = kStepsBetweenLooks;
    std::size_t bytes_ = 0;
    unsigned depth_ = 0;
};

}  // namespace flowctl
