// The end user of a session: whom the application proved with a token that we verified.
//
// flowctl.set_subject_token() takes the user's access token, encrypted to this server (JWE), verifies it in
// process against its issuer's keys, and from then on every run that the session starts, by flowctl.start()
// or by a trigger, carries the user: issuer, subject and chosen claims in its row, the token itself in memory
// (subject_tokens). Like SET, it holds for the session or the transaction, and a rollback takes it back. What
// a session merely asserts (request.jwt.claims) never comes here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "net/crypto/hidden_secret.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::session_user {

struct User {
    std::string issuer;  // its URL
    std::string server;  // the foreign server that stands for it
    std::string name;    // the token's sub
    std::string claims;  // a JSON object: act and the claims that the issuer's option subject_claims names
    net::HiddenSecret token;
    std::int64_t expires_at = 0;  // microseconds since 1970
    Uuid handle{};
};

void install_at_load();  // _PG_init: what happens at the end of (sub)transactions

// The session's user, or null. Also one whose token has ended.
std::shared_ptr<const User> current();
// As by set_config(): null for nobody.
void set(std::shared_ptr<const User> user, bool is_local);
void forget() noexcept;  // DISCARD ALL

}  // namespace flowctl::pg::session_user
