// The token endpoint: the request of the client_credentials grant (RFC 6749 §4.4) and what may come back.
//
// An answer is believed only as far as it goes: status 200, a JSON object, access_token of visible ASCII and
// at most 16 KiB, token_type bearer in any case, every requested scope granted where the answer names scopes.
// An answer can hold a token and still be refused; the token is then handed over all the same, because it
// lives and must be revoked.
//
// Called by oidc.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "net/client.hpp"
#include "net/dispatcher.hpp"
#include "net/issuer_trouble.hpp"

namespace flowctl::net {

struct IssuedToken {
    Secret access_token;
    std::string fingerprint;
    Seconds lifetime{0};  // from the start of the request
};

struct TokenAnswer {
    std::optional<IssuedToken> token;
    std::optional<Trouble> trouble;  // the token, if any, must not be used
};

// The request, authenticated afresh; or a message.
std::variant<Exchange, std::string> token_request(const Credential& credential,
                                                  const std::string& token_endpoint,
                                                  const std::string& egress_role,
                                                  std::chrono::system_clock::time_point now);

// Wipes the answer's body.
TokenAnswer read_token_answer(const Credential& credential, Answer& answer);

}  // namespace flowctl::net
