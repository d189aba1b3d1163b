// A token that a run has been handed by the run that has started it (.waitForTaskToken on a child flow).
//
// The run passes the token on, in calls that leave the server. No table may hold it, so the run's payloads have a
// marker in its place wherever they are kept: in the run's input, its frame and its history. A call that leaves
// gets the token, and what comes back gets the marker. The marker names the run that waits, and only a run that
// was handed the token of that run can make a token of it.
#pragma once

#include <optional>
#include <string>

#include "core/json.hpp"
#include "core/machine/machine.hpp"
#include "pg/server/uuid.hpp"

namespace flowctl::pg {

struct HandedToken {
    std::string key;  // as the run's row has it: the run that waits, and the place of its call
    std::string token;
    std::string marker;

    json::Value with_token(const json::Value& value) const;
    std::string with_marker(std::string text) const;
    bool is_in(const std::string& text) const { return text.find(token) != std::string::npos; }
    // An answer from outside, which may echo the token.
    machine::Event with_marker(machine::Event event) const;
};

// The token of a call, for the run that it starts.
HandedToken token_of_call(const Uuid& run, const std::string& place);
// The token that the row of a run names.
HandedToken token_of_key(const std::string& key);

}  // namespace flowctl::pg
