// Events about runs, as the worker makes them: run.succeeded, run.failed, run.timed_out, run.aborted, run.late,
// run.overdue.
#pragma once

#include <string>
#include <vector>

#include "pg/events/event_rows.hpp"

namespace flowctl::pg::store {

struct RunFactsRow {
    EventRow event;          // complete but for its type
    std::string status;
    bool has_begun = false;
};
// Of runs that are no children of a map run.
std::vector<RunFactsRow> find_run_facts(Spi& spi, const std::vector<Uuid>& ids);

}  // namespace flowctl::pg::store
