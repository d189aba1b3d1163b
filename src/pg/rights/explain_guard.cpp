// Keeps EXPLAIN from showing how many rows there are. See explain_guard.hpp.
//
// The plan is looked at, not the statement: whatever way a query takes to a table (views over views, SQL functions
// that are inlined, prepared statements), the plan's range table has it. Queries of functions
// that run within EXPLAIN ANALYZE are in other plans, which are not shown, and not counted either.
//
// The hook is C in style: it calls the server directly, so nothing with a destructor is alive in it.
#include "pg/rights/explain_guard.hpp"

#include <utility>

#include "pg/rights/table_guard.hpp"

extern "C" {
#include "utils/rls.h"
}

namespace flowctl::pg::explain_guard {

namespace {

ExecutorStart_hook_type next_hook = nullptr;
bool watching = false;

bool value_of(List* options, const char* name, bool unless_given) {
    bool value = unless_given;
    ListCell* cell;
    foreach (cell, options) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) == 0) value = defGetBoolean(option);
    }
    return value;
}

// Whether the current role sees not all rows of the table.
bool is_closed(const RangeTblEntry* entry) {
    // The tables of a view are in the plan, too.
    if (entry->rtekind != RTE_RELATION || entry->relkind == RELKIND_VIEW) return false;
    if (!table_guard::is_of_engine(entry->relid)) return false;
    return pg_class_aclcheck(entry->relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK ||
           check_enable_rls(entry->relid, GetUserId(), true) == RLS_ENABLED;
}

void check(const PlannedStmt* plan) {
    ListCell* cell;
    foreach (cell, plan->rtable) {
        if (!is_closed(static_cast<RangeTblEntry*>(lfirst(cell)))) continue;
        if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA)) return;
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied to show counts of pg_flowctl's rows"),
                 errdetail("EXPLAIN counts rows that the current role may not see."),
                 errhint("EXPLAIN (COSTS OFF) without ANALYZE shows the plan. Members of pg_read_all_data "
                         "may see the counts.")));
    }
}

void at_start(QueryDesc* query, int flags) {
    // Only what EXPLAIN shows is merely explained or measured.
    if (watching && ((flags & EXEC_FLAG_EXPLAIN_ONLY) != 0 || query->instrument_options != 0))
        check(query->plannedstmt);
    if (next_hook != nullptr)
        next_hook(query, flags);
    else
        standard_ExecutorStart(query, flags);
}

}  // namespace

bool shows_counts(Node* statement) {
    if (!IsA(statement, ExplainStmt)) return false;
    List* const options = reinterpret_cast<ExplainStmt*>(statement)->options;
    return value_of(options, "analyze", false) || value_of(options, "costs", true);
}

bool begin() noexcept {
    return std::exchange(watching, true);
}

void end(bool before) noexcept {
    watching = before;
}

void install_at_load() {
    next_hook = ExecutorStart_hook;
    ExecutorStart_hook = at_start;
}

}  // namespace flowctl::pg::explain_guard
