// Figures of issuers: what an administrator is shown of each, without a token in sight.
//
// They are counted since the process began, by the name under which an issuer is configured. The last failure's
// message is that of a Trouble: foreign text in it is quoted without anything that may be a secret.
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
