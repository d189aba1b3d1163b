// Figures of issuers: what an administrator is shown of each, without a token in sight.
//
// Counted since the process began, by the name under which an issuer is configured. A sentence is one of
// Trouble's: foreign text in it is quoted with everything taken out that may be a secret.
//
// Filled by oidc, read through Client by src/pg.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "net/tokens/issuer_circuit.hpp"

namespace flowctl::net {

struct IssuerFigures {
    std::string name;
    std::string url;
    std::int64_t token_requests = 0;
    std::int64_t tokens_issued = 0;
    std::int64_t failures = 0;
    std::int64_t cached_tokens = 0;
    std::optional<std::chrono::system_clock::time_point> last_success;
    std::optional<std::chrono::system_clock::time_point> last_failure;
    std::string last_failure_message;
    CircuitState circuit = CircuitState::Closed;
    std::optional<std::chrono::system_clock::time_point> circuit_until;
};

}  // namespace flowctl::net
