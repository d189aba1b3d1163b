// Interrupts: how a caller of the core ends a call before the work is done.
//
// The core knows no clock and no signals, but its caller does: a timer or the cancel of a session sets a
// flag. A definition, a row or an answer can make a loop of the core arbitrarily long, so each such loop
// looks at the flag now and then. A raised flag ends the call with Interrupted. This is neither a failure of
// the run nor an exhausted budget: the same call can be made again with more time, and then gives the result
// that it would have given. The interrupted call leaves nothing behind, because destructors free what it has
// built.
#pragma once

#include <csignal>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace flowctl {

class Interrupted : public std::runtime_error {
  public:
    Interrupted() : std::runtime_error("the evaluation was interrupted") {}
};

// Names the flags that this thread looks at as long as the object lives. Scopes can be nested, and then the
// flags of all of them count. A flag is raised when it is not zero. A signal handler may write it.
class InterruptScope {
  public:
    using Flag = const volatile std::sig_atomic_t;
    // Called at a raised flag instead of throwing Interrupted. When it returns, the work goes on.
    using Pause = void (*)(void* context);

    explicit InterruptScope(Flag& flag) noexcept : InterruptScope(&flag, nullptr) {}
    InterruptScope(Flag& flag, Flag& another) noexcept : InterruptScope(&flag, &another) {}
    InterruptScope(Flag& flag, Pause pause, void* context) noexcept : InterruptScope(&flag, nullptr) {
        pause_ = pause;
        context_ = context;
    }
    ~InterruptScope() { innermost_ = outer_; }
    InterruptScope(const InterruptScope&) = delete;
    InterruptScope& operator=(const InterruptScope&) = delete;

    // Whether any of the flags is raised.
    static bool raised() noexcept {
        for (const InterruptScope* scope = innermost_; scope != nullptr; scope = scope->outer_)
            if (scope->is_raised()) return true;
        return false;
    }
    static void poll() {
        for (const InterruptScope* scope = innermost_; scope != nullptr; scope = scope->outer_) {
            if (!scope->is_raised()) continue;
            if (scope->pause_ == nullptr) throw Interrupted();
            scope->pause_(scope->context_);
        }
    }

    // Work that has a stack of its own (sliced.hpp) has its own scopes. While it runs, its scopes count and
    // no others.
    static const InterruptScope* exchange(const InterruptScope* innermost) noexcept {
        return std::exchange(innermost_, innermost);
    }

  private:
    InterruptScope(Flag* flag, Flag* another) noexcept : flag_(flag), another_(another), outer_(innermost_) {
        innermost_ = this;
    }
    bool is_raised() const noexcept { return *flag_ != 0 || (another_ != nullptr && *another_ != 0); }

    inline static thread_local const InterruptScope* innermost_ = nullptr;
    Flag* flag_;
    Flag* another_;
    Pause pause_ = nullptr;
    void* context_ = nullptr;
    const InterruptScope* outer_;
};

inline void poll_interrupt() {
    InterruptScope::poll();
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
