// Watch: a limit to how long one evaluation may hold the worker's loop.
//
// The core returns to its caller when a flag is raised (core/interrupt.hpp). While a transaction of the
// engine is open, a timer ticks, and it raises the flag when it has found the same evaluation at several
// ticks in a row. An evaluation only increments a number and makes no system call, because most evaluations
// are over before the first tick. The request to end the process counts as a raised flag as well; otherwise
// it would have to wait for the evaluation.
#pragma once

#include <csignal>

#include "core/interrupt.hpp"

namespace flowctl::pg::watch {

// How long an evaluation may take in the loop. It is interrupted after this time or up to a third later,
// because the first tick may come at any time of it.
constexpr int kMicros = 45'000;

namespace detail {
extern volatile std::sig_atomic_t evaluation;  // the number of the evaluation, or 0 when none is under way
extern volatile std::sig_atomic_t too_long;    // the flag that the timer raises
std::sig_atomic_t next() noexcept;
const volatile std::sig_atomic_t& process_ends() noexcept;
}  // namespace detail

// The timer ticks as long as this object lives.
class Ticking {
  public:
    Ticking();
    ~Ticking();
    Ticking(const Ticking&) = delete;
    Ticking& operator=(const Ticking&) = delete;
};

// One evaluation, or another piece of the core's work that may be interrupted.
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
