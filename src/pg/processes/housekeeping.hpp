// Housekeeping: which leaves are to be made, emptied and dropped at a moment, and what else has been kept for
// long enough.
//
// The rules are functions of the leaves that there are, the settings and the time, so that a test can ask
// what happens at any time. What they decide is carried out step by step, and the caller chooses how much
// goes into one transaction: the housekeeper one step, the SQL functions all of them. The steps themselves
// are in store/leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/store/leaves.hpp"

namespace flowctl::pg::housekeeping {

struct Rules {
    std::int64_t interval = 0;  // micros that one leaf spans
    int ahead = 0;              // leaves whose time is yet to come
    std::optional<std::int64_t> retention, event_retention;
    std::int64_t redrive_within = 0;
};
Rules rules_of_settings();

struct Span {
    std::int64_t starts_at, ends_at;
};
// The leaf that is to be made next, if one is: for the first moment from now on, and from `not_before` on,
// that no leaf takes. Leaves for later times do not matter.
std::optional<Span> next_leaf(const std::vector<store::Leaf>& leaves, std::int64_t now, const Rules& rules,
                              std::int64_t not_before = 0);
// The same, of the leaves in the database. If the default leaf has runs of its time, it begins after them.
std::optional<Span> next_leaf(Spi& spi, std::int64_t now, const Rules& rules);

// The leaves to be emptied when runs that started before `since` are no longer kept; the default leaf may be
// among them.
std::vector<store::Leaf> to_empty(const std::vector<store::Leaf>& leaves, std::int64_t since);
// The leaves whose time is over, that have been emptied and hold nothing.
std::vector<store::Leaf> to_drop(const std::vector<store::Leaf>& leaves, std::int64_t now);

// The problem that is noted in flowctl_catalog.leaf for a leaf in which too many runs have to stay.
std::string too_many_open(std::int64_t open);

}  // namespace flowctl::pg::housekeeping
