// Tokens of a run that stand in no file: those that our own issuer signs, and the token of the run's user.
//
// An endpoint's options say which tokens its calls need. Who the run is, only the caller knows; so it hands in
// the means to get them.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "net/call/token_input.hpp"
#include "net/client.hpp"
#include "net/tokens/own_issuer.hpp"

namespace flowctl::pg {

// What an endpoint or issuer wants of tokens of our own.
struct OwnTokenTerms {
    net::AllowedAudiences audiences;
    net::Seconds timeout{60};   // of the call
    std::string scope;          // as a claim; empty: none
    bool event_keys = false;    // the primary key of the row that caused the run
    bool for_one_call = false;  // it is sent as it is: no other call may find it in a cache
};

// The tokens of a run that are in no file. Empty: there is none.
struct RunTokens {
    // Signed by our own issuer for this step, within the terms of whoever asks; or why there is none.
    std::function<std::variant<net::StepIdentity, std::string>(const OwnTokenTerms&)> own;
    net::TokenInput user;  // the user's, which the application handed over at start
};

}  // namespace flowctl::pg
