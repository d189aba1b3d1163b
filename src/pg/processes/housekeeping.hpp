// Housekeeping: which leaves are to be made, emptied and dropped at a moment, and what else has been kept for
// long enough.
//
// The rules are functions of the leaves that there are, the settings and the time, so that a test can ask
// what happens at any time. What they decide is carried out step by step, and the caller chooses how much
// goes into one transaction: the housekeeper one step, the SQL functions all of them.
//
// Called by housekeeper and by SQL (30_workers.sql); the steps are in store/leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/store/leaves.hpp"

namespace flowctl::pg::housekeeping {

struct Rules {
    std::int64_t interval = 0;  // micros that one leaf spans
    int ahead = 0;              // leaves whose time is yet to come
    std::optional<std::int64_t> retention;
};
Rules rules_of_settings();

struct Span {
    std::int64_t starts_at, ends_at;
};
// The leaf that is to be made next, if one is: for the first moment from now on, and from `not_before` on,
// that none takes, whatever there is for later times.
std::optional<Span> next_leaf(const std::vector<store::Leaf>& leaves, std::int64_t now, const Rules& rules,
                              std::int64_t not_before = 0);
// The same of the leaves that there are. Where runs of its time are in the default leaf, it begins behind
// them.
std::optional<Span> next_leaf(Spi& spi, std::int64_t now, const Rules& rules);

// Those to be emptied when runs that started before `since` are no longer kept, the default leaf among them.
std::vector<store::Leaf> to_empty(const std::vector<store::Leaf>& leaves, std::int64_t since);
// Those whose time is over, that have been emptied and hold nothing.
std::vector<store::Leaf> to_drop(const std::vector<store::Leaf>& leaves, std::int64_t now);

// What stands in flowctl_catalog.leaf of one that has too many open runs.
std::string too_many_open(std::int64_t open);

}  // namespace flowctl::pg::housekeeping
