// Telling failures of the server from those of a run; see failures.hpp.
#include "pg/engine/failures.hpp"

#include "pg/server/transaction.hpp"
#include "pg/store/history.hpp"
#include "pg/store/runs.hpp"

namespace flowctl::pg {

bool is_transient(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case MAKE_SQLSTATE('5', '3', '0', '0', '0'):
        case MAKE_SQLSTATE('5', '7', '0', '0', '0'):
        case MAKE_SQLSTATE('5', '8', '0', '0', '0'):
        case MAKE_SQLSTATE('4', '0', '0', '0', '0'):
            return true;
        default:
            return sqlstate == ERRCODE_READ_ONLY_SQL_TRANSACTION || sqlstate == ERRCODE_LOCK_NOT_AVAILABLE;
    }
}

bool storage_works() {
    constexpr Uuid kNobody{};
    try {
        const Transaction rolled_back("pg_flowctl: looking whether the tables can be written");
        Spi spi;
        (void)store::load_runs(spi, {kNobody}, 1);
        store::HistoryRow event{kNobody, {}};
        event.event.id = 1;
        event.event.type = "ExecutionStarted";
        store::append_history({event});
        store::CallIntent call;
        call.run_id = kNobody;
        store::append_calls({&call});
        store::CallOutcome outcome;
        outcome.run_id = kNobody;
        store::append_outcomes({outcome});
        store::save_frames(spi, {{kNobody, machine::Phase::Running, "", std::nullopt, "{}"}});
        store::delete_frames(spi, {kNobody});
        store::end_runs(spi, {{kNobody, machine::Status::Failed, {}, {}, {}, {}, 0}});
        return true;
    } catch (PgError&) {
        return false;
    }
}

}  // namespace flowctl::pg
