// EXPLAIN counts rows before the conditions of a view have left those out that one may not see: in estimates, in
// "rows" and in "Rows Removed by Filter". So who does not see all rows gets no counts for queries that read the
// engine's tables.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg::explain_guard {

void install_at_load();

// Whether the statement is an EXPLAIN that shows counts. It is then carried out between begin() and end(), and what
// it explains is checked.
bool shows_counts(Node* statement);

// Returns what end() puts back.
bool begin() noexcept;
void end(bool before) noexcept;

}  // namespace flowctl::pg::explain_guard
