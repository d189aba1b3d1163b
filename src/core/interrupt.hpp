// Interrupts: how whoever called the core gets it back before the work is done.
//
// The core has no clock and no signals. Its caller has: a timer, or the cancel of a session, sets a flag, and every
// loop of the core whose length a definition, a row or an answer can choose looks at it now and then. A raised
// flag ends the call with Interrupted, which is neither a failure of the run nor an exhausted budget: the same call
// may be made again with more time, and gives what it would have given. Nothing is lost but what the call had
// built, which its destructors free.
#pragma once

#include <csignal>
#include <stdexcept>

namespace flowctl {

class Interrupted : public std::runtime_error {
  public:
    Interrupted() : std::runtime_error("the evaluation was interrupted") {}
};

// Names the flags to look at, for this thread and for as long as it lives. Scopes nest; the flags of all of them
// count. A flag is raised when it is not zero, and may be written by a signal handler.
class InterruptScope {
  public:
    using Flag = const volatile std::sig_atomic_t;

    explicit InterruptScope(Flag& flag) noexcept : InterruptScope(&flag, nullptr) {}
    InterruptScope(Flag& flag, Flag& another) noexcept : InterruptScope(&flag, &another) {}
    ~InterruptScope() { innermost_ = outer_; }
    InterruptScope(const InterruptScope&) = delete;
    InterruptScope& operator=(const InterruptScope&) = delete;

    static bool raised() noexcept {
        for (const InterruptScope* scope = innermost_; scope != nullptr; scope = scope->outer_) {
            if (*scope->flag_ != 0 || (scope->another_ != nullptr && *scope->another_ != 0)) return true;
        }
        return false;
    }

  private:
    InterruptScope(Flag* flag, Flag* another) noexcept : flag_(flag), another_(another), outer_(innermost_) {
        innermost_ = this;
    }

    inline static thread_local const InterruptScope* innermost_ = nullptr;
    Flag* flag_;
    Flag* another_;
    const InterruptScope* outer_;
};

inline void poll_interrupt() {
    if (InterruptScope::raised()) throw Interrupted();
}

// For loops without a budget: looks at the flags once in a thousand rounds.
class Poll {
  public:
    void round(std::size_t work = 1) {
        passed_ += work;
        if (passed_ < kEvery) return;
        passed_ = 0;
        poll_interrupt();
    }

  private:
    static constexpr std::size_t kEvery = 1024;
    std::size_t passed_ = 0;
};

}  // namespace flowctl
