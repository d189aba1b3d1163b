// A session: a short-lived credential that a cloud gives for a token of somebody it trusts.
//
// AWS gives the keys of a role for a web identity token (STS, AssumeRoleWithWebIdentity); Google gives the
// access token of a service account for a federated one (generateAccessToken). This file has the requests and
// the meaning of their answers; session_source gets the sessions in time, once for a run. Invariants: a session
// is asked for one run, is named after it where the cloud has a place for a name, and lasts no longer than its
// endpoint says; no message holds a token or key.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "net/call/request.hpp"
#include "net/http/dispatcher.hpp"
#include "net/proofs/sigv4.hpp"
#include "net/tokens/issuer_trouble.hpp"

namespace flowctl::net {

// Made once for a call and not changed; AwsRole, GcpAccount and SessionRequest are declared in client.hpp.

struct Session {
    std::shared_ptr<const AwsKeys> keys;   // of AWS
    std::shared_ptr<const Secret> bearer;  // of Google
    TokenInfo info;                        // AWS: the access key id, under which CloudTrail has it
    std::uint64_t generation = 0;
};

struct SessionAnswer {
    std::optional<Session> session;
    std::optional<Trouble> trouble;
};

// What tells connections for this session from those for another one: the cloud, the role or account, and the
// client that gets the token which is handed in.
std::string partition_of(const SessionRequest& what);

// The request for which `token` is handed in. The exchange holds it, and is wiped with it.
Exchange session_request(const SessionRequest& what, std::string_view token, const std::string& run,
                         const std::string& egress_role, std::chrono::system_clock::time_point now);

// Wipes the answer's body.
SessionAnswer read_session_answer(const SessionRequest& what, std::string_view token, Answer& answer,
                                  std::chrono::system_clock::time_point now);

// The session policy that takes every right away at that time: no keys last shorter than 900 s by themselves.
std::string policy_until(std::chrono::system_clock::time_point end);

// When the session that is asked for now must be useless at the latest, if its policy is to say so.
std::optional<std::chrono::system_clock::time_point> policy_end(const AwsRole& role,
                                                                std::chrono::system_clock::time_point now);

// AWS and Google write times as 2026-11-20T13:59:00Z, with or without fractions.
std::optional<std::chrono::system_clock::time_point> read_utc_time(std::string_view text);
std::string utc_time(std::chrono::system_clock::time_point time);

}  // namespace flowctl::net
