// Watch: sees to it that no evaluation holds the worker's loop for long.
//
// The core gives the loop back when a flag is raised (core/interrupt.hpp). A timer ticks while a transaction
// of the engine is under way, and raises the flag when it has found the same evaluation at several ticks in a
// row. So an evaluation costs no system call: it counts itself, and most are over before the first tick. The
// request to end the process counts as a raised flag, too, since else it would have to wait for the
// evaluation.
#pragma once

#include <csignal>

#include "core/interrupt.hpp"

namespace flowctl::pg::watch {

// How long an evaluation may take in the loop: from here to a third more, for the ticks come at any time of
// it.
constexpr int kMicros = 45'000;

namespace detail {
extern volatile std::sig_atomic_t evaluation;  // its number; 0: none is under way
extern volatile std::sig_atomic_t too_long;    // the flag
std::sig_atomic_t next() noexcept;
const volatile std::sig_atomic_t& process_ends() noexcept;
}  // namespace detail

// The timer ticks for as long as this object lives.
class Ticking {
  public:
    Ticking();
    ~Ticking();
    Ticking(const Ticking&) = delete;
    Ticking& operator=(const Ticking&) = delete;
};

// One evaluation, or something else that the core does and that may be given up.
class Evaluation {
  public:
    Evaluation() noexcept : scope_(detail::too_long, detail::process_ends()) {
        detail::too_long = 0;
        detail::evaluation = detail::next();
    }
    ~Evaluation() { detail::evaluation = 0; }
    Evaluation(const Evaluation&) = delete;
    Evaluation& operator=(const Evaluation&) = delete;

  private:
    InterruptScope scope_;
};

}  // namespace flowctl::pg::watch
