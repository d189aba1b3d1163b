// How long a session may keep the answer to a task uncommitted.
//
// The row of a task is locked from the answer to the end of the transaction, and meanwhile the task's run waits
// where its time is over: nobody can know yet which of the two is first. A transaction that takes longer than
// kMostOpen is refused when it commits, and the worker does not wait any longer than a little more than that.
#pragma once

#include <cstdint>

namespace flowctl::pg::answer_guard {

inline constexpr std::int64_t kMostOpen = 120'000'000;       // microseconds
inline constexpr std::int64_t kWorkerWaits = 150'000'000;

void install_at_load();  // _PG_init
// This transaction has locked the row of a task.
void note_answer() noexcept;

}  // namespace flowctl::pg::answer_guard
