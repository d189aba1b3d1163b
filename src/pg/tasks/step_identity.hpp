// Who one step of one run is, as tokens: our own issuer's, which name the flow, and the end user's, which
// another issuer gave.
//
// A token of our own has the subject flow:<owner>:<flow>, which stays the same over versions, and as claims
// the version, state, run, attempt and role, the user in whose session the run began as `act` (RFC 8693
// shape: the flow's rights, the user acting), and the event that caused it. Values of the row's primary key
// are in it only where the endpoint asks for them. It ends with the step. Nothing is signed here: a token
// input does it when it is used, and so after the turn's commit.
//
// Called by http_task::prepare within the turn's transaction.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "net/tokens/own_issuer.hpp"
#include "pg/tasks/run_facts.hpp"

namespace flowctl::pg {

// What an endpoint or issuer wants of tokens of our own.
struct OwnTokenTerms {
    net::AllowedAudiences audiences;
    net::Seconds timeout{60};   // of the call
    std::string scope;          // as a claim; empty: none
    bool event_keys = false;    // the primary key of the row that caused the run
    bool for_one_call = false;  // it is sent as it is: no other call may find it in a cache
};

class StepTokens {
  public:
    StepTokens(const RunFacts& run, const machine::Call& call, std::int64_t now)
        : run_(run), call_(call), now_(now) {}

    // The step's identity by our own issuer, or why there is none.
    std::variant<net::StepIdentity, std::string> own(const OwnTokenTerms& terms) const;
    // The user's token, empty where the session had none; what reads it finds out whether it is still there.
    net::TokenInput user() const;

  private:
    const RunFacts& run_;
    const machine::Call& call_;
    std::int64_t now_;
};

}  // namespace flowctl::pg
