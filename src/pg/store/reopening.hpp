// The store of what a redrive needs: the frames of runs that ended without success, and making such a run an
// open one again.
//
// The frame is written in the transaction that ends the run, and removed in the one in which it goes on. A run that
// goes on has a frame like any other open run, so after a crash the sweeps find it as they find all others. One that
// waits at a limit first is found as runs are that have not begun.
// Every function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct EndedFrame {
    Uuid run_id{};
    std::int64_t ended_at = 0;
    std::int64_t events = 0;  // that its history has
    std::string frame;
};
void keep_ended_frames(const std::vector<EndedFrame>& frames);

struct Reopened {
    Uuid run_id{};
    std::int32_t redrive_count = 0;
    std::int64_t redriven_at = 0;
};
// The runs are open again, and their ended frames are gone.
void reopen_runs(Spi& spi, const std::vector<Reopened>& runs);
// The runs are open again and wait at a limit, so they have no frame yet: the one that was kept stays.
void reopen_to_wait(Spi& spi, const std::vector<Reopened>& runs);

// Which of these runs nobody else is changing now: their rows stay locked until the end of the transaction.
// Waits for nobody.
std::vector<Uuid> lock_runs(Spi& spi, const std::vector<Uuid>& ids);

// Whether a flow is there for the length of this transaction. Busy: somebody is about to drop or rename it.
enum class FlowPresence { Present, Gone, Busy };
FlowPresence hold_flow(Spi& spi, const Uuid& flow_id);

// The frame that was kept of an ended run.
std::optional<std::string> find_ended_frame(const Uuid& run_id);

// Removes frames of runs, and plans of map runs, that ended before that time; at most some thousand. Returns how
// many.
std::int64_t forget_ended_frames(Spi& spi, std::int64_t before);

}  // namespace flowctl::pg::store
