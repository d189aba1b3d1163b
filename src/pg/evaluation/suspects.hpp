// Suspects: runs whose evaluation has ended a worker.
//
// An evaluation can end the worker's process in spite of all precautions: through a bug, for lack of memory,
// or because somebody kills a process that hangs. The server then restarts all its processes, the next worker
// loads the same run, and this could go on for ever. So a worker notes each run that it is about to evaluate
// in a file that it has mapped; this costs no system call, and the note survives the worker. A run that is
// still noted when the server has restarted is a suspect. A suspect is evaluated by a copy of the process
// (forked.hpp), and after it has ended kMost workers it is not evaluated again.
//
// The file lies in pg_stat_tmp, which base backups leave out. It may be lost at any time; then each run has
// all its attempts again. A damaged file is replaced by an empty one.
#pragma once

#include <cstddef>

#include "pg/server/uuid.hpp"

namespace flowctl::pg::suspects {

void request_at_load();  // called while the library is loaded

// A worker attaches before it evaluates anything. Without that, or if the file cannot be mapped, nothing is
// remembered.
void attach(int slot);

// A run that has ended this many workers is not evaluated any more.
constexpr int kMost = 3;
int times(const Uuid& run);
bool none() noexcept;
// The run has been evaluated, so it is not a suspect any more.
void clear(const Uuid& run);

// A worker notes the run that it evaluates itself, and up to so many runs that copies evaluate.
constexpr std::size_t kCopies = 7;
namespace detail {
extern Uuid* loop;
}
inline void mark(const Uuid& run) noexcept {
    *detail::loop = run;
}
// While it lives, runs may be marked; at its end the mark is taken away.
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
