// Suspects: runs whose evaluation has ended a worker.
//
// What the core does with a run can end the worker's process in spite of all: by a bug, for want of memory,
// or because somebody kills what hangs. The server then starts everything anew, the run comes to the worker
// again, and it would never end. So a worker writes down the run that it is about to evaluate, into a file
// that it has in its memory, which costs no system call and survives it. What still stands there when the
// server has started again is a suspect. A suspect is evaluated by a copy of the process (forked.hpp), and
// the third time it is not evaluated any more.
//
// The file is in pg_stat_tmp, which is no part of a base backup. It may be lost at any time: then the runs
// have their three times again. One that is damaged is begun anew.
#pragma once

#include <cstddef>

#include "pg/server/uuid.hpp"

namespace flowctl::pg::suspects {

void request_at_load();  // _PG_init

// By a worker, before it evaluates anything. Without it, and where the file cannot be had, nothing is
// remembered.
void attach(int slot);

// So many times a run may have ended its worker.
constexpr int kMost = 3;
int times(const Uuid& run);
bool none() noexcept;
// It has been evaluated.
void clear(const Uuid& run);

// What this worker evaluates: one run by itself, and others by copies.
constexpr std::size_t kCopies = 7;
namespace detail {
extern Uuid* loop;
}
inline void mark(const Uuid& run) noexcept {
    *detail::loop = run;
}
// Nothing is marked any more when it goes.
class Marking {
  public:
    Marking() = default;
    ~Marking() { mark({}); }
    Marking(const Marking&) = delete;
    Marking& operator=(const Marking&) = delete;
};
void mark_copy(const Uuid& run) noexcept;
void unmark_copy(const Uuid& run) noexcept;

}  // namespace flowctl::pg::suspects
