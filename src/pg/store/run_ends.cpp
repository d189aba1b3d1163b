// SQL of run_ends.hpp.
#include "pg/store/run_ends.hpp"

#include "pg/store/runs.hpp"

namespace flowctl::pg::store {

// An output that an event of the run's history holds is stored there only.
static Statement find_result_sql(R"(
    SELECT r.status, r.flow,
           CASE WHEN r.output IS NOT NULL THEN r.output
                WHEN r.output_ref = 0 THEN r.input
                WHEN r.output_ref IS NOT NULL
                THEN (SELECT h.payload FROM flowctl_catalog.history_event h
                      WHERE h.run_id = r.run_id AND h.event_id = r.output_ref)
           END,
           r.error, r.cause
    FROM flowctl_catalog.run r WHERE r.run_id = $1)",
                                 {UUIDOID});

std::optional<RunResult> find_result(Spi& spi, const Uuid& id) {
    Rows rows = spi.run_latest(find_result_sql, std::move(Params().uuid(id)));
    if (rows.size() == 0) return std::nullopt;
    return RunResult{read_status(rows, 0, 0), rows.text(0, 1), rows.optional_text(0, 2),
                     rows.optional_text(0, 3), rows.optional_text(0, 4)};
}

}  // namespace flowctl::pg::store
