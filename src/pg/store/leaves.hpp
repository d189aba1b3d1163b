// The store of leaves: the partitions of runs, history, calls, outcomes, receipts of revocation and attributes.
//
// A run's id begins with its time, and these six tables are partitioned by it, all at the same bounds. So
// runs that need no longer be kept go by TRUNCATE, whose cost does not depend on how many there are; rows are
// never deleted one by one. The words used here:
//   leaf      the six tables of one span of time, as one thing; a row of flowctl_catalog.leaf
//   default   the leaf of ids that no other leaf takes: the extension script makes it, it is never dropped,
//             and because of it no INSERT ever fails for want of a leaf
//   empty     to take away the runs of a leaf that have ended. Open runs stay where they are: in one
//             transaction their rows are set aside, the tables truncated, the rows put back. They are put back
//             frozen, visible to every snapshot, because they were there before; so a transaction that began
//             earlier misses none of them, though it does miss the runs that have gone.
// Invariants: leaves are made by CREATE TABLE ... LIKE and ATTACH, which let writers go on, and are members
// of the extension, owned by its owner. A step that needs ACCESS EXCLUSIVE gives up after 100 ms (on tables
// that all statements use, at once), so that nobody queues behind it for longer.
//
// Every function runs inside the caller's transaction, as the extension's owner, and raises PgError. The
// transaction is READ COMMITTED, because a snapshot that was taken before the lock would not show all rows
// that are to stay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct Leaf {
    std::int64_t starts_at = 0;  // micros since 1970 UTC; to the minute
    std::int64_t ends_at = 0;    // the first moment after it
    std::string suffix;          // of the names of its tables
    bool emptied = false;
    std::int64_t kept = 0;  // runs that stayed when it was emptied, or came later
    bool has_problem = false;
};

// All but the default leaf, in the order of time.
std::vector<Leaf> find_leaves(Spi& spi);
const Leaf& default_leaf();
// When the last run of this span that is in the default leaf began; nullopt: there is none.
std::optional<std::int64_t> last_in_default(Spi& spi, std::int64_t starts_at, std::int64_t ends_at);
// The times are whole minutes. Returns the suffix of the leaf's tables.
std::string make_leaf(Spi& spi, std::int64_t starts_at, std::int64_t ends_at);

struct Emptying {
    enum class Result { Nothing, Done, TooManyOpen } result = Result::Nothing;
    std::int64_t kept = 0;
};
// Takes away the runs that have ended and are not held (holds.hpp). In a leaf that has been emptied before, and
// in the default leaf, runs that started or ended at `since` or later stay, too, and such a leaf is left alone
// until half of its runs may go. A leaf in which no run stays is dropped at once, if `may_drop` and nobody uses
// the tables at this moment; statements that come meanwhile wait for the transaction's end.
Emptying empty_leaf(Spi& spi, const Leaf& leaf, std::int64_t since, bool may_drop);
// Drops the tables of a leaf without runs; false: they are in use at this moment, or there are runs.
bool drop_leaf(Spi& spi, const Leaf& leaf);
void note_problem(Spi& spi, const Leaf& leaf, const std::optional<std::string>& problem);

}  // namespace flowctl::pg::store
