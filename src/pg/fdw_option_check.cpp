// The table of options, and what their values look like. See fdw_option_check.hpp.
#include <algorithm>
#include <optional>
#include <variant>

#include "net/call_auth.hpp"
#include "net/jose_algorithm.hpp"
#include "net/secret.hpp"
#include "net/url.hpp"
#include "pg/fdw_option_check.hpp"
#include "pg/fdw_options.hpp"
#include "pg/lease.hpp"

#include "pg/bridge.hpp"

namespace flowctl::pg {

namespace {

enum class Kind {
    Text,
    Name,
    Url,
    Issuer,
    Uri,
    Seconds,
    Bytes,
    Boolean,
    Choice,
    File,
    Scope,
    Arn,
    Uuid,
    HeaderName,
    Token,
    RoleArn,
    SessionSeconds,
    PollSeconds,
    Connections,
    RoleNames,
    RoleName,
    ImpersonateSeconds,
    Algorithm,
    Algorithms,
    Audience,
    Uris,
    TokenType
};

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

constexpr std::size_t kMaxOptionLength = 2048;
// RFC 8693 §3, by the last part of their URN.
constexpr std::string_view kTokenTypes = "access_token, refresh_token, id_token, jwt, saml1, saml2";
constexpr std::string_view kSecretAlgorithms = "HS256, HS384, HS512";

// Grants that other software offers and a user may try here: all need a person in front of a browser or his
// password.
constexpr std::string_view kOtherGrants[] = {"authorization_code", "password", "device_code", "implicit"};

// Names under which people try to hand a secret to the database.
constexpr std::string_view kSecretNames[] = {"client_secret", "secret", "password",     "private_key",
                                             "key",           "token",  "access_token", "api_key"};

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

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

// ------------------------------------------------------------------------------------------ names

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

// ------------------------------------------------------------------------------------------ values

[[noreturn]] void refuse_value(std::string_view name, const std::string& wrong, std::string hint = {}) {
    throw UserError(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE,
                    "invalid value for option " + in_quotes(name) + ": " + wrong, std::move(hint));
}

bool is_choice(std::string_view value, std::string_view choices) {
    while (!choices.empty()) {
        const std::size_t end = choices.find(", ");
        if (value == choices.substr(0, end)) return true;
        choices = end == std::string_view::npos ? std::string_view{} : choices.substr(end + 2);
    }
    return false;
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void check_url(std::string_view name, std::string_view value) {
    const auto url = net::split_url(value);
    if (const auto* wrong = std::get_if<std::string>(&url)) refuse_value(name, *wrong);
}

// An absolute URI without fragment (RFC 8707 §2), whatever its scheme.
void check_uri(std::string_view name, std::string_view value) {
    const std::size_t colon = value.find(':');
    const bool scheme =
        colon != std::string_view::npos && colon > 0 && colon + 1 < value.size() &&
        std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(colon), [](unsigned char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                   c == '-' || c == '.';
        });
    const bool printable =
        std::all_of(value.begin(), value.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
    if (!scheme || !printable || value.find('#') != std::string_view::npos)
        refuse_value(name, "it must be an absolute URI without fragment");
}

// What stands in signatures, urls and headers without being encoded.
bool is_plain_token(std::string_view value) {
    return std::all_of(value.begin(), value.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    });
}

bool is_uuid(std::string_view value) {
    if (value.size() != 36) return false;
    for (std::size_t i = 0; i < value.size(); i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = value[i];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) return false;
    }
    return true;
}

// arn:aws:iam::123456789012:role/path/name
bool is_role_arn(std::string_view value) {
    const bool partition = value.starts_with("arn:aws:") || value.starts_with("arn:aws-");
    const std::size_t iam = value.find(":iam::");
    if (!partition || iam == std::string_view::npos || value.find(' ') != std::string_view::npos)
        return false;
    const std::string_view rest = value.substr(iam + 6);
    return rest.size() > 18 && rest.find_first_not_of("0123456789") == 12 &&
           rest.substr(12).starts_with(":role/");
}

bool is_whole_number(std::string_view value, int least, int most) {
    if (value.empty() || value.size() > 6 || value.find_first_not_of("0123456789") != std::string_view::npos)
        return false;
    const int number = std::stoi(std::string(value));
    return number >= least && number <= most;
}

// RFC 6749 §3.3.
bool is_scope(std::string_view value) {
    if (value.front() == ' ' || value.back() == ' ') return false;
    return std::all_of(value.begin(), value.end(),
                       [](unsigned char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; });
}

// Names of signature algorithms, separated by single spaces.
void check_algorithms(std::string_view name, std::string_view value) {
    while (true) {
        const std::size_t end = std::min(value.find(' '), value.size());
        if (net::find_jose_algorithm(value.substr(0, end)) == nullptr)
            refuse_value(
                name, "it must be a list of signature algorithms separated by spaces",
                "Valid ones are: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA.");
        if (end == value.size()) return;
        value.remove_prefix(end + 1);
    }
}

void check_choice(const Spec& spec, std::string_view value) {
    if (is_choice(value, spec.choices)) return;
    if (spec.name == "grant" &&
        std::find(std::begin(kOtherGrants), std::end(kOtherGrants), value) != std::end(kOtherGrants))
        throw UserError(ERRCODE_FEATURE_NOT_SUPPORTED, "grant " + in_quotes(value) + " is not supported",
                        "Nobody is there to sign in. Valid values are: " + std::string(spec.choices) + ".");
    refuse_value(spec.name, "it is not one of the values it may have",
                 "Valid values are: " + std::string(spec.choices) + ".");
}

void check_value(const Spec& spec, std::string_view value) {
    if (value.empty()) refuse_value(spec.name, "it must not be empty");
    if (value.size() > kMaxOptionLength) refuse_value(spec.name, "it is longer than 2048 bytes");
    if (has_control_character(value)) refuse_value(spec.name, "it contains a control character");
    switch (spec.kind) {
        case Kind::Text:
            return;
        case Kind::Name:
            if (value.size() >= NAMEDATALEN)
                refuse_value(spec.name, "it is too long for the name of a foreign server");
            return;
        case Kind::Url:
            return check_url(spec.name, value);
        case Kind::Issuer:
            check_url(spec.name, value);
            if (value.find('?') != std::string_view::npos)
                refuse_value(spec.name, "it must not have a query");
            return;
        case Kind::Uri:
            return check_uri(spec.name, value);
        case Kind::Seconds:
            if (!read_seconds(value))
                refuse_value(spec.name, "it must be a number of seconds from 0.001 to 86400");
            return;
        case Kind::Bytes:
            if (!read_bytes(value))
                refuse_value(spec.name, "it must be a number of bytes from 1 to 67108864");
            return;
        case Kind::Boolean:
            if (!read_boolean(value)) refuse_value(spec.name, "it must be true or false");
            return;
        case Kind::Choice:
            return check_choice(spec, value);
        case Kind::File:
            if (!net::is_plain_file_name(value))
                refuse_value(spec.name, "it must be a plain file name",
                             "The file is looked for in the directory that flowctl.secrets_dir names.");
            return;
        case Kind::Scope:
            if (!is_scope(value))
                refuse_value(spec.name, "it must be a list of scope names separated by spaces");
            return;
        case Kind::Arn:
            if (!value.starts_with("arn:") || value.find(' ') != std::string_view::npos)
                refuse_value(spec.name, "it must be an ARN, in which * stands for any part",
                             "For example: arn:aws:lambda:*:*:function:charge.");
            return;
        case Kind::Uuid:
            if (!is_uuid(value)) refuse_value(spec.name, "it must be a UUID");
            return;
        case Kind::HeaderName:
            if (!net::may_carry_api_key(value))
                refuse_value(spec.name, "it must be the name of a header that is not used otherwise",
                             "For example: X-Api-Key.");
            return;
        case Kind::Token:
            if (!is_plain_token(value))
                refuse_value(spec.name, "it must consist of letters, digits, '-', '_' and '.'");
            return;
        case Kind::RoleArn:
            if (!is_role_arn(value))
                refuse_value(spec.name, "it must be the ARN of an IAM role",
                             "For example: arn:aws:iam::123456789012:role/orders.");
            return;
        case Kind::SessionSeconds:
            if (!is_whole_number(value, 900, 43'200))
                refuse_value(
                    spec.name, "it must be a whole number of seconds from 900 to 43200",
                    "AWS gives no shorter sessions; session_lifetime takes their rights away earlier.");
            return;
        case Kind::ImpersonateSeconds:
            if (!is_whole_number(value, 60, 43'200))
                refuse_value(spec.name, "it must be a whole number of seconds from 60 to 43200");
            return;
        case Kind::PollSeconds:
            if (!is_whole_number(value, 1, 3'600))
                refuse_value(spec.name, "it must be a whole number of seconds from 1 to 3600");
            return;
        case Kind::Connections:
            if (!is_whole_number(value, 1, 100))
                refuse_value(spec.name, "it must be a whole number from 1 to 100");
            return;
        case Kind::RoleNames:
            if (!lease::read_names(value))
                refuse_value(spec.name, "it must be a list of role names separated by commas",
                             "They are written as in SQL: a name with capitals or blanks in double quotes.");
            return;
        case Kind::RoleName:
            if (const auto names = lease::read_names(value); !names || names->size() != 1)
                refuse_value(spec.name, "it must be the name of a role",
                             "It is written as in SQL: a name with capitals or blanks in double quotes.");
            return;
        case Kind::Algorithm:
            if (net::find_jose_algorithm(value) == nullptr && !is_choice(value, kSecretAlgorithms))
                refuse_value(spec.name, "it is not the name of a signature algorithm that can be used",
                             "Valid values are: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
                             "ES512, EdDSA; with client_secret_jwt HS256, HS384, HS512.");
            return;
        case Kind::Uris:
            if (value.front() == ' ' || value.back() == ' ' || value.find("  ") != std::string_view::npos)
                refuse_value(spec.name, "it must be a list of URIs, each separated by one space");
            for (std::string_view rest = value; !rest.empty();) {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                check_uri(spec.name, rest.substr(0, end));
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
            return;
        case Kind::TokenType:
            if (!is_choice(value, kTokenTypes) && value.find(':') == std::string_view::npos)
                refuse_value(spec.name, "it is neither a type of token nor a URI",
                             "Valid values are: " + std::string(kTokenTypes) + ", or a URI.");
            if (!is_choice(value, kTokenTypes)) check_uri(spec.name, value);
            return;
        case Kind::Algorithms:
            return check_algorithms(spec.name, value);
        case Kind::Audience:
            if (value != "issuer" && value != "token_endpoint") {
                if (value.find(':') == std::string_view::npos)
                    refuse_value(spec.name, "it must be issuer, token_endpoint or a URI");
                check_uri(spec.name, value);
            }
            return;
    }
}

}  // namespace

void check_option(Place place, const std::string& name, std::string_view value) {
    for (const Spec& spec : kSpecs)
        if (spec.place == place && spec.name == name) return check_value(spec, value);
    refuse_name(place, name);
}

}  // namespace flowctl::pg
