// The executor: a process that executes the functions of SQL steps, as one role for its whole life.
//
// It takes orders from its worker's board (shared/sql_board.hpp) one after the other. For each order there is one
// transaction: it locks the order, calls the function as the role, stores the result in the order's row and
// commits. So the effects of the function and its result are there together or not at all, wherever the process or
// the server dies. A function that fails has no effects; its error is stored by a second transaction.
//
// The commit of a function that has written nothing is not flushed: the turn that takes the result flushes what was
// written before it, and if the result is lost, the function is called again.
//
// A worker ends a statement by a signal that is meant for one order (cancel), or ends the process. The time of a
// Task is the machine's matter; a little later the executor's own timers end the statement, and then the process,
// in case no worker is there to do so.
#pragma once

#include "pg/server/process.hpp"
#include "pg/shared/sql_board.hpp"

namespace flowctl::pg::executor {

// Has the server start an executor. False: there is no room for another process.
bool start(Process& process, Oid role, const sql_board::Place& place);

}  // namespace flowctl::pg::executor

extern "C" __attribute__((visibility("default"))) void flowctl_sql_main(Datum);
