// How a call proves itself to an endpoint that wants no token: an API key, a password, a signature.
//
// Everything is put onto the request here, when it is sent, so that each time it leaves it has a fresh
// timestamp and signature. The caller's headers are signed with it and cannot take the place of what is
// added: a header of the same name is refused before. Invariants: what is added is wiped with the exchange;
// every secret that is sent goes into the redactor, which takes it out of the answer again.
//
//   ApiKey        a header or query parameter
//   Basic         RFC 7617
//   WebhookKeys   Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature (HMAC-SHA-256)
//   AwsSigning    AWS Signature Version 4, with keys that are held or a session's
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "net/call/request.hpp"
#include "net/http/dispatcher.hpp"
#include "net/http/redact.hpp"
#include "net/proofs/sigv4.hpp"

namespace flowctl::net {

// Why this request may not be sent with this proof: it sets a header that is the proof's. Or nothing.
std::optional<std::string> objection_to_headers_beside(const CallAuth& auth,
                                                       const std::vector<Header>& headers);

// Puts the proof onto the exchange, whose url, headers and body are complete. `session` are the keys for
// AwsSigning without its own. `message_id` stays the same over repetitions (the Idempotency-Key).
void prove(const CallAuth& auth, const AwsKeys* session, std::string_view message_id,
           std::chrono::system_clock::time_point now, Exchange& exchange, Redactor& sent);

// The keys in a webhook secret file: "whsec_" and base64, one on a line, the newest first; 24 to 64 bytes
// each. Or what is wrong, quoting nothing.
std::variant<std::vector<Secret>, std::string> read_webhook_keys(const Secret& file);

// True for what may be a header's name but is not one that frames the request or that the engine sets.
bool may_carry_api_key(std::string_view header) noexcept;

}  // namespace flowctl::net
