// The executors of one worker: when one is started, and when one ends.
//
// A role whose orders wait gets an executor, and one more when all it has are busy, as long as the settings allow.
// One that has had nothing to do for flowctl.sql_worker_idle ends. Where there is no place for a role, the executor
// of another one gives up its own: at once when it is idle, and otherwise after its order when it has worked for a
// while since the other began to wait. In this way the workers of a database, and the databases of a server, share
// what there is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/process.hpp"
#include "pg/shared/sql_board.hpp"

namespace flowctl::pg {

class ExecutorPool {
  public:
    // How many orders of each role wait or are executed; no role without any.
    using Demand = std::map<Oid, std::size_t>;

    // Takes leave of executors that have ended, and of those that are not needed; starts others.
    void tend(const Demand& demand, std::int64_t now);
    // When there is something to do although nothing happens.
    std::optional<std::int64_t> next_at() const { return next_at_; }
    // Executors of the role, also those that are about to come.
    std::size_t count(Oid role) const;
    // Ends the process at this place, whatever it does.
    void terminate(int place);

  private:
    struct One {
        Process process;
        sql_board::Place place;
        Oid role = InvalidOid;
        bool is_retired = false;
    };

    void collect_ended();
    void retire_idle(const Demand& demand, std::int64_t now);
    void start_missing(const Demand& demand, std::int64_t now);
    bool start(Oid role, bool is_first, std::int64_t now);
    void make_room(Oid role, bool has_none, std::int64_t now);
    void no_room(const char* setting);
    void come_back_at(std::int64_t at) { next_at_ = next_at_ ? std::min(*next_at_, at) : at; }

    std::vector<std::unique_ptr<One>> executors_;
    std::optional<std::int64_t> next_at_;
    std::int64_t again_at_ = 0;  // no executor is started before that
    std::map<Oid, std::int64_t> hungry_since_;  // roles that have no executor, and find no place for one
    struct {
        sql_board::NoPlace why = sql_board::NoPlace::None;
        std::int64_t since = INT64_MAX;
    } hunger_;  // what the others are told
    bool reported_ = false;
};

}  // namespace flowctl::pg
