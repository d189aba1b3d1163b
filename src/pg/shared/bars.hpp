// "No worker may come to this database": a bar stands while DROP DATABASE and its like run.
//
// Bars are counted by database. Invariant: while a bar is up, no worker of that database gets a claim on its
// slot. A command looks at the slots after it has raised a bar, and the launcher looks at the bars after it
// has reserved a slot, so one of the two sees the other. All functions do nothing without shared memory.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg::bars {

void request_at_load();

void raise(Oid database) noexcept;
void lower(Oid database) noexcept;
bool are_up(Oid database) noexcept;

}  // namespace flowctl::pg::bars
