// The identity of one step of one run as tokens: those of our own issuer, which name the flow, and the token of
// the end user, which another issuer gave.
//
// A token of our own has the subject flow:<owner>:<flow>, which stays the same over versions. Its claims are
// the version, state, run, attempt and role, the event that caused the run, and as `act` the user in whose
// session the run began (RFC 8693: the rights are the flow's, and the user acts). Values of the row's primary
// key are in it only where the endpoint asks for them. The token ends with the step. Nothing is signed here: a
// token input signs when it is used, which is after the turn's commit.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "net/tokens/own_issuer.hpp"
#include "pg/endpoints/run_tokens.hpp"
#include "pg/tasks/run_facts.hpp"

namespace flowctl::pg {

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
