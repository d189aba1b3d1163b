// The terms of an approval: what the input of a Task with Resource flowctl:approval says.
//
// An approval has one stage or several, one after the other. A stage names who may decide, and how many of them
// have to approve. Its members may stand directly in the input where there is only one. The input comes from
// expressions over data, so it is bounded and checked member by member; a member that is not known is refused,
// since a misspelt AllowStarter or Approve would weaken the approval in silence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/json.hpp"

namespace flowctl::approval {

// Who may decide: the members of a role, or the users that an issuer counts in a group.
struct Approver {
    std::string role;    // empty: a group
    std::string issuer;  // the name of the foreign server
    std::string group;

    bool operator==(const Approver&) const = default;
    // As it is written in Approvers.
    std::string text() const;
};

struct Stage {
    std::vector<Approver> approvers;
    std::int64_t approve = 1;                    // so many people
    std::optional<std::int64_t> remind_every;    // seconds
    std::optional<std::int64_t> escalate_after;  // seconds, from the beginning of the stage
    std::vector<Approver> escalate_to;           // may decide, too, from then on
};

struct Terms {
    static constexpr std::size_t kMaxTitleBytes = 200;
    static constexpr std::size_t kMaxMessageBytes = 8'192;
    static constexpr std::size_t kMaxStages = 10;
    static constexpr std::size_t kMaxApprovers = 50;  // of a stage
    static constexpr std::int64_t kMostPeople = 100;
    static constexpr std::int64_t kMostSeconds = 10 * 365 * 86'400LL;

    std::string title;
    std::optional<std::string> message;
    std::vector<Stage> stages;
    std::int64_t deny = 1;  // so many people end it
    std::optional<json::Value> schema;  // of the approvers' answers
    bool allow_starter = false;
    bool allow_author = false;
    bool reason_required = false;
    std::optional<std::int64_t> valid_for;  // seconds; an older decision does not count any more
};

// The error is a sentence for the flow's author, which names the member.
Result<Terms, std::string> parse_terms(const json::Value& input);

// One decision, as far as counting it goes.
struct Counted {
    std::size_t stage = 0;
    bool approved = false;
    std::int64_t at = 0;  // microseconds since 1970
};
// What the decisions amount to. Denials count over all stages.
struct Tally {
    bool denied = false;
    // The first stage that is not satisfied; the number of stages: all are. A stage whose decisions have become too
    // old is asked again, so it may be an earlier one than before.
    std::size_t stage = 0;
};
Tally tally(const Terms& terms, const std::vector<Counted>& decisions, std::int64_t now);
// Whether a decision counts at that time.
bool is_valid(const Terms& terms, std::int64_t decided_at, std::int64_t now);

}  // namespace flowctl::approval
