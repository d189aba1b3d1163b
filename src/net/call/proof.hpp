// What an endpoint may want instead of a bearer token, as values: an API key, a password, a signature, or a
// session at a cloud.
//
// proofs/call_auth puts the keys, passwords and signatures onto requests; proofs/session asks for sessions.
// Secrets among the values are wiped when the values go.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/crypto/secret.hpp"

namespace flowctl::net {

struct ApiKey {
    std::string name;  // of the header or query parameter
    bool in_query = false;
    Secret key;
};

struct BasicLogin {
    std::string user;
    Secret password;
};

struct WebhookKeys {
    std::vector<Secret> keys;  // the newest first; each signs
};

struct AwsKeys {
    std::string access_key_id;
    Secret secret_access_key;
    Secret session_token;  // empty: keys of a user, not of a role's session
};

struct AwsScope {
    std::string region;
    std::string service;        // the name that AWS signs by: "lambda", "sqs", "s3", ...
    bool signs_payload = true;  // S3 only: false says UNSIGNED-PAYLOAD instead of the payload's hash
};

struct AwsSigning {
    AwsScope scope;
    std::shared_ptr<const AwsKeys> keys;  // null: a session's
};

using CallAuth = std::variant<std::monostate, ApiKey, BasicLogin, WebhookKeys, AwsSigning>;

// The session of a role that is asked of AWS's security token service.
struct AwsRole {
    std::string sts_endpoint;
    std::string role_arn;
    int duration_seconds = 900;  // the shortest that AWS gives
    // AWS keeps a session alive for 900 seconds at least. A policy inside the session takes all its rights away
    // earlier: this long after the session began, and at the time by which the run must have ended.
    std::optional<std::chrono::duration<double>> session_lifetime;
    std::optional<std::chrono::system_clock::time_point> run_ends_at;
    std::string ca_file;
    std::chrono::duration<double> timeout{10};
};

// The access token of a service account that is asked of Google.
struct GcpAccount {
    std::string iam_endpoint = "https://iamcredentials.googleapis.com";
    std::string email;
    std::string scope;  // one or more, separated by spaces
    int lifetime_seconds = 300;
    std::string ca_file;
    std::chrono::duration<double> timeout{10};
};

}  // namespace flowctl::net
