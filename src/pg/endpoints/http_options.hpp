// The options of a flowctl_http server as typed values.
//
// They are read once, when the server is met for the first time or has been altered (known_servers.hpp), and not
// at each call. The validator has seen every value, so what cannot be read counts as not set. A file stands
// here by its name: what it holds is read when a call needs it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>

#include "calls/protocols.hpp"
#include "core/gates/rate.hpp"
#include "net/client.hpp"
#include "net/http/url.hpp"
#include "pg/endpoints/lease_terms.hpp"
#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

// Whether the Idempotency-Key stays the same over the retries of a state's visit.
enum class Idempotency { Visit, Attempt };

// Where a token comes from that is handed in at an issuer.
enum class TokenOrigin {
    None,
    User,  // the run's user, whose session handed it over
    Own,   // our own issuer signs it
    File,  // the platform keeps it in a file
};

// How calls prove themselves: option `auth`.
struct ApiKeyOptions {
    bool in_query = false;
    std::string name;  // of the header or the query parameter
    std::string key_file;
};
struct BasicOptions {
    std::string username;
    std::string password_file;
};
struct WebhookOptions {
    std::string secret_file;
};
struct AwsOptions {
    net::AwsScope scope;
    std::string access_key_id;  // without a role
    std::string secret_key_file;
    std::optional<net::AwsRole> role;  // without ca_file
    std::string token_file;            // of the web identity; empty: our own issuer's or the option issuer's
};
struct OwnTokenOptions {
    bool event_keys = false;
};
using AuthOptions =
    std::variant<std::monostate, ApiKeyOptions, BasicOptions, WebhookOptions, AwsOptions, OwnTokenOptions>;

// How a token of the option `issuer` is got, and for what.
struct GrantOptions {
    net::GrantType type = net::GrantType::ClientCredentials;
    TokenOrigin subject = TokenOrigin::None;
    std::string subject_file;
    std::string subject_type;  // a URN, as are the other types; empty: not said
    TokenOrigin actor = TokenOrigin::None;
    std::string actor_file;
    std::string actor_type;
    std::string requested_type;
    std::string resource;
    bool dpop = false;
    bool certificate_bound = false;
    std::optional<net::GcpAccount> impersonate;  // without ca_file
};

struct HttpOptions {
    std::string url_text;
    net::Url url;
    std::string url_problem;  // not empty: the url cannot be used
    std::string issuer;       // the name of a flowctl_oidc server, or empty
    std::string auth;         // as written; empty: not said
    AuthOptions proof;
    GrantOptions grant;
    std::string scope;
    std::string audience;
    std::string ca_file;
    std::string certificate_file;
    std::string certificate_key_file;
    net::Seconds connect_timeout{10};
    net::Seconds timeout{60};
    std::size_t max_response_bytes = 1 << 20;
    bool follow_redirects = false;
    Idempotency idempotency = Idempotency::Visit;
    calls::Speech speech = calls::Speech::Http;
    bool is_prefect = false;  // kind 'prefect'
    std::string arn;          // a pattern, or empty
    std::string deployment;   // of Prefect
    net::Seconds poll_interval{10};
    std::optional<lease::Terms> lease;
    std::optional<std::int64_t> max_concurrency;  // over all workers
    std::optional<gates::Bucket> rate;
};

HttpOptions read_http_options(const Options& options);

}  // namespace flowctl::pg
