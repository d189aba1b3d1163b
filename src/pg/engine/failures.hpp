// Whose fault is it when a transaction of the engine fails: a run's, or the server's?
//
// A failure of the server fails no run. It is known by its SQLSTATE, or because rows of a run that does not
// exist cannot be written to the engine's tables either.
#pragma once

namespace flowctl::pg {

// The failure says nothing about the run: the server is short of something or shutting down, or two
// transactions collided.
bool is_transient(int sqlstate);
// Whether the tables take rows at all. In a transaction of its own, which is rolled back.
bool storage_works();

}  // namespace flowctl::pg
