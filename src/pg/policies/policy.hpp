// Policies: who may use which endpoint, for what and when, above USAGE on the foreign server.
//
// A policy permits or forbids the calls that its conditions describe. An endpoint that a policy names, and
// every endpoint where flowctl.policy_default is deny, is governed: its calls need a policy that permits
// them. A policy that forbids a call wins over all that permit it. At a call everything is known. When a flow
// is defined, the user and the time are not, so a call is refused there only if no user and no time could
// permit it. The decision and its reason are recorded: with the call, or as a denial.
//
// Conditions are a JSON object; all of its members must hold, a member holds if one of its values does, and a
// value that ends in * stands for all that begin so:
//   {"role": "app", "owner": ..., "flow": ["fulfil", "refund*"], "state": "Charge",
//    "scope": ["charge:write"],                 every word of the endpoint's scope is among them
//    "subject": true | ["alice", ...],          true: any verified user
//    "issuer": "https://idp.example",           who vouched for the user
//    "claims": {"groups": "finance"},           recorded claims of the user
//    "time": {"from": "08:00", "until": "18:00", "days": [1,2,3,4,5], "zone": "Europe/Berlin"},
//    "after": "2026-12-01T00:00:00Z", "before": "2027-01-01T00:00:00Z"}
//
// Rules of leases have the same conditions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::policy {

// What a call is about. At a definition `user` and `at` are unknown.
struct Facts {
    std::string endpoint;
    std::string role;
    std::string owner;  // the flow's
    std::string flow;
    std::string state;
    std::string scope;  // of the endpoint; may be empty
    bool user_known = false;
    std::optional<std::string> subject;
    std::optional<std::string> issuer;
    json::Value claims;
    std::optional<std::int64_t> at;  // microseconds since 1970
};

struct Decision {
    bool allowed = true;
    std::string reason;  // empty: no policy governs the endpoint
};

// A policy that an endpoint has to do with.
struct Rule {
    std::string name;
    bool forbids = false;
    bool names_endpoint = false;            // itself, not all of them
    std::optional<json::Value> conditions;  // nullopt: not readable
};
using Rules = std::vector<Rule>;

// Reads them; the caller may read the engine's tables.
Rules rules_of(Spi& spi, std::string_view endpoint);
// The same, read once as long as nobody changes a policy. Valid until the next call of this function.
const Rules& kept_rules_of(std::string_view endpoint);

// False when decide() can only say "allowed" because nothing governs the endpoint.
bool have_a_say(const Rules& rules);

Decision decide(const Rules& rules, const Facts& facts);

// Whether all conditions hold; Unknown: that depends on something that the facts do not say.
enum class Truth { No, Unknown, Yes };
Truth applies(const Facts& facts, const json::Value& conditions);

// An objection to conditions, as the end of a sentence; or nothing.
std::optional<std::string> objection(const json::Value& conditions);

}  // namespace flowctl::pg::policy
