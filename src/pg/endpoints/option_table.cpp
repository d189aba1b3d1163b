// The table of options. See option_table.hpp.
#include <algorithm>
#include <optional>

#include "pg/endpoints/option_table.hpp"
#include "pg/endpoints/option_values.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

using Kind = OptionKind;

struct Spec {
    std::string_view name;
    Place place;
    Kind kind;
    std::string_view choices = {};  // Kind::Choice: separated by ", "
};

constexpr Spec kSpecs[] = {
    {"url", Place::HttpServer, Kind::Url},
    {"issuer", Place::HttpServer, Kind::Name},
    {"auth", Place::HttpServer, Kind::Choice, "none, flowctl, api_key, basic, hmac, mtls, aws_sigv4"},
    {"event_keys", Place::HttpServer, Kind::Boolean},
    {"grant", Place::HttpServer, Kind::Choice,
     "client_credentials, token_exchange, jwt_bearer, on_behalf_of, refresh_token"},
    {"subject_token", Place::HttpServer, Kind::Choice, "user, flowctl"},
    {"subject_token_file", Place::HttpServer, Kind::File},
    {"subject_token_type", Place::HttpServer, Kind::TokenType},
    {"actor_token", Place::HttpServer, Kind::Choice, "flowctl"},
    {"actor_token_file", Place::HttpServer, Kind::File},
    {"actor_token_type", Place::HttpServer, Kind::TokenType},
    {"requested_token_type", Place::HttpServer, Kind::TokenType},
    {"scope", Place::HttpServer, Kind::Scope},
    {"audience", Place::HttpServer, Kind::Text},
    {"resource", Place::HttpServer, Kind::Uris},
    {"dpop", Place::HttpServer, Kind::Boolean},
    {"certificate_bound", Place::HttpServer, Kind::Boolean},
    {"ca_file", Place::HttpServer, Kind::File},
    {"connect_timeout", Place::HttpServer, Kind::Seconds},
    {"timeout", Place::HttpServer, Kind::Seconds},
    {"max_response_bytes", Place::HttpServer, Kind::Bytes},
    {"follow_redirects", Place::HttpServer, Kind::Boolean},
    {"idempotency", Place::HttpServer, Kind::Choice, "visit, attempt"},
    {"arn", Place::HttpServer, Kind::Arn},
    {"api_key_header", Place::HttpServer, Kind::HeaderName},
    {"api_key_query", Place::HttpServer, Kind::Token},
    {"api_key_file", Place::HttpServer, Kind::File},
    {"username", Place::HttpServer, Kind::Text},
    {"password_file", Place::HttpServer, Kind::File},
    {"hmac_secret_file", Place::HttpServer, Kind::File},
    {"certificate_file", Place::HttpServer, Kind::File},
    {"certificate_key_file", Place::HttpServer, Kind::File},
    {"aws_region", Place::HttpServer, Kind::Token},
    {"aws_service", Place::HttpServer, Kind::Token},
    {"aws_access_key_id", Place::HttpServer, Kind::Token},
    {"aws_secret_key_file", Place::HttpServer, Kind::File},
    {"aws_unsigned_payload", Place::HttpServer, Kind::Boolean},
    {"role_arn", Place::HttpServer, Kind::RoleArn},
    {"sts_endpoint", Place::HttpServer, Kind::Url},
    {"session_duration", Place::HttpServer, Kind::SessionSeconds},
    {"session_lifetime", Place::HttpServer, Kind::Seconds},
    {"web_identity", Place::HttpServer, Kind::Choice, "flowctl"},
    {"web_identity_token_file", Place::HttpServer, Kind::File},
    {"impersonate", Place::HttpServer, Kind::Text},
    {"impersonate_scope", Place::HttpServer, Kind::Scope},
    {"impersonate_lifetime", Place::HttpServer, Kind::ImpersonateSeconds},
    {"iam_endpoint", Place::HttpServer, Kind::Url},
    {"kind", Place::HttpServer, Kind::Choice, "http, prefect"},
    {"deployment", Place::HttpServer, Kind::Uuid},
    {"poll_interval", Place::HttpServer, Kind::PollSeconds},
    {"max_concurrency", Place::HttpServer, Kind::Count},
    {"rate", Place::HttpServer, Kind::Rate},
    {"burst", Place::HttpServer, Kind::Count},
    {"lease", Place::HttpServer, Kind::Choice, "login, member"},
    {"lease_roles", Place::HttpServer, Kind::RoleNames},
    {"lease_member", Place::HttpServer, Kind::RoleName},
    {"lease_until", Place::HttpServer, Kind::Choice, "call, run"},
    {"lease_connections", Place::HttpServer, Kind::Connections},

    {"issuer", Place::OidcServer, Kind::Issuer},
    {"discovery", Place::OidcServer, Kind::Choice, "oidc, oauth, none"},
    {"token_endpoint", Place::OidcServer, Kind::Url},
    {"jwks_uri", Place::OidcServer, Kind::Url},
    {"revocation_endpoint", Place::OidcServer, Kind::Url},
    {"assertion_audience", Place::OidcServer, Kind::Audience},
    {"assertion_typ", Place::OidcServer, Kind::Choice, "client-authentication+jwt, JWT"},
    {"subject_audience", Place::OidcServer, Kind::Text},
    {"subject_algorithms", Place::OidcServer, Kind::Algorithms},
    {"subject_type", Place::OidcServer, Kind::Choice, "at+jwt, any"},
    {"subject_claims", Place::OidcServer, Kind::Scope},
    {"ca_file", Place::OidcServer, Kind::File},
    {"timeout", Place::OidcServer, Kind::Seconds},

    {"client_id", Place::OidcMapping, Kind::Text},
    {"auth_method", Place::OidcMapping, Kind::Choice,
     "client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, "
     "self_signed_tls_client_auth, workload_token, flowctl, none"},
    {"client_secret_file", Place::OidcMapping, Kind::File},
    {"private_key_file", Place::OidcMapping, Kind::File},
    {"key_certificate_file", Place::OidcMapping, Kind::File},
    {"certificate_file", Place::OidcMapping, Kind::File},
    {"certificate_key_file", Place::OidcMapping, Kind::File},
    {"workload_token_file", Place::OidcMapping, Kind::File},
    {"refresh_token_file", Place::OidcMapping, Kind::File},
    {"signing_alg", Place::OidcMapping, Kind::Algorithm},
    {"key_id", Place::OidcMapping, Kind::Text},
};

// Names under which people try to hand a secret to the database.
constexpr std::string_view kSecretNames[] = {"client_secret", "secret", "password",     "private_key",
                                             "key",           "token",  "access_token", "api_key"};

const char* name_of(Place place) {
    switch (place) {
        case Place::HttpServer:
            return "servers of flowctl_http";
        case Place::OidcServer:
            return "servers of flowctl_oidc";
        case Place::OidcMapping:
            return "user mappings of flowctl_oidc servers";
    }
    return "";
}

std::string valid_names(Place place) {
    std::string names;
    for (const Spec& spec : kSpecs) {
        if (spec.place != place) continue;
        if (!names.empty()) names += ", ";
        names += spec.name;
    }
    return names;
}

// The valid name that a mistyped one most likely means: two letters or a third of it may differ.
std::optional<std::string> closest_name(Place place, const std::string& given) {
    if (given.size() >= NAMEDATALEN) return std::nullopt;
    std::optional<std::string> best;
    int best_distance = std::max(2, static_cast<int>(given.size()) / 3) + 1;
    for (const Spec& spec : kSpecs) {
        if (spec.place != place) continue;
        const char* given_text = given.data();
        const int given_length = static_cast<int>(given.size());
        int distance = guarded([&] {
            return varstr_levenshtein_less_equal(given_text, given_length, spec.name.data(),
                                                 static_cast<int>(spec.name.size()), 1, 1, 1, best_distance,
                                                 true);
        });
        if (distance < best_distance) {
            best_distance = distance;
            best = std::string(spec.name);
        }
    }
    return best;
}

[[noreturn]] void refuse_name(Place place, const std::string& name) {
    std::string hint;
    if (std::find(std::begin(kSecretNames), std::end(kSecretNames), name) != std::end(kSecretNames)) {
        hint = place == Place::OidcMapping ? "Secrets are not kept in the database: put it into a file in "
                                             "flowctl.secrets_dir and name the file by "
                                             "client_secret_file or private_key_file."
                                           : "Secrets are not kept in the database: put it into a file in "
                                             "flowctl.secrets_dir and name the file by api_key_file, "
                                             "password_file or hmac_secret_file, or by a user mapping of "
                                             "a flowctl_oidc server.";
    } else {
        if (auto closest = closest_name(place, name))
            hint = "Perhaps you meant " + in_quotes(*closest) + ". ";
        hint += std::string("Valid options of ") + name_of(place) + " are: " + valid_names(place) + ".";
    }
    throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME, "invalid option " + in_quotes(name), std::move(hint));
}

}  // namespace

void check_option(Place place, const std::string& name, std::string_view value) {
    for (const Spec& spec : kSpecs)
        if (spec.place == place && spec.name == name)
            return check_option_value(spec.name, spec.kind, spec.choices, value);
    refuse_name(place, name);
}

}  // namespace flowctl::pg
