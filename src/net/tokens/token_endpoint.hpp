// The token endpoint: the request of each grant, and what may come back.
//
// The tokens that are handed in (subject, actor, assertion, refresh token) are fetched for this one request and
// wiped with it.
//
// An answer is believed only as far as it goes: status 200, a JSON object, access_token of visible ASCII and
// at most 16 KiB, token_type bearer in any case, every requested scope granted where the answer names scopes,
// and from an exchange the type of token that was wanted (RFC 8693 §2.2.1). An answer can hold a token and still
// be refused; the token is then handed over all the same, because it lives and must be revoked. A JWT's own claims
// are kept for the record and decide nothing, with one exception: a token that says it is not bound to the key or
// certificate that it was asked for is refused.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "net/call/request.hpp"
#include "net/http/dispatcher.hpp"
#include "net/tokens/issuer_trouble.hpp"

namespace flowctl::net {

struct IssuedToken {
    Secret access_token;
    TokenInfo info;       // without expires_at
    Seconds lifetime{0};  // from the start of the request
    Secret refresh_token;
};

struct TokenAnswer {
    std::optional<IssuedToken> token;
    std::optional<Trouble> trouble;  // the token, if any, must not be used
    bool wants_nonce = false;        // the request is to be sent again with the DPoP nonce of this answer
};

// The request, authenticated afresh; or why it cannot be made.
std::variant<Exchange, TokenInputFault> token_request(const Credential& credential,
                                                      const std::string& token_endpoint,
                                                      const std::string& egress_role,
                                                      std::chrono::system_clock::time_point now,
                                                      const Secret* refresh_token = nullptr);

// Wipes the answer's body. `dpop_thumbprint`: of the key that the token must be bound to, empty for none.
TokenAnswer read_token_answer(const Credential& credential, Answer& answer,
                              const std::string& dpop_thumbprint = {});

// A token that no answer came with: what it says of itself, where it is a JWT, unverified.
IssuedToken described_token(Secret token, std::chrono::system_clock::time_point now);

}  // namespace flowctl::net
