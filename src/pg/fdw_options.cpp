// Validators of flowctl_http and flowctl_oidc: unknown, malformed and contradictory options are errors with a
// hint.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <variant>

#include "net/jose_algorithm.hpp"
#include "net/secret.hpp"
#include "net/url.hpp"
#include "pg/fdw_options.hpp"

#include "pg/bridge.hpp"

namespace flowctl::pg {

namespace {

enum class Place { HttpServer, OidcServer, OidcMapping };

enum class Kind {
    Text,
    Name,
    Url,
    Uri,
    Seconds,
    Bytes,
    Boolean,
    Choice,
    File,
    Scope,
    Arn,
    Algorithm,
    Audience
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
    {"auth", Place::HttpServer, Kind::Choice, "none"},
    {"grant", Place::HttpServer, Kind::Choice, "client_credentials"},
    {"scope", Place::HttpServer, Kind::Scope},
    {"audience", Place::HttpServer, Kind::Text},
    {"resource", Place::HttpServer, Kind::Uri},
    {"ca_file", Place::HttpServer, Kind::File},
    {"connect_timeout", Place::HttpServer, Kind::Seconds},
    {"timeout", Place::HttpServer, Kind::Seconds},
    {"max_response_bytes", Place::HttpServer, Kind::Bytes},
    {"follow_redirects", Place::HttpServer, Kind::Boolean},
    {"idempotency", Place::HttpServer, Kind::Choice, "visit, attempt"},
    {"arn", Place::HttpServer, Kind::Arn},

    {"issuer", Place::OidcServer, Kind::Url},
    {"discovery", Place::OidcServer, Kind::Choice, "oidc, oauth, none"},
    {"token_endpoint", Place::OidcServer, Kind::Url},
    {"jwks_uri", Place::OidcServer, Kind::Url},
    {"revocation_endpoint", Place::OidcServer, Kind::Url},
    {"assertion_audience", Place::OidcServer, Kind::Audience},
    {"ca_file", Place::OidcServer, Kind::File},
    {"timeout", Place::OidcServer, Kind::Seconds},

    {"client_id", Place::OidcMapping, Kind::Text},
    {"auth_method", Place::OidcMapping, Kind::Choice,
     "client_secret_basic, client_secret_post, private_key_jwt"},
    {"client_secret_file", Place::OidcMapping, Kind::File},
    {"private_key_file", Place::OidcMapping, Kind::File},
    {"signing_alg", Place::OidcMapping, Kind::Algorithm},
    {"key_id", Place::OidcMapping, Kind::Text},
};

constexpr double kMaxSeconds = 86'400;
constexpr std::size_t kMaxBytes = 64 * 1024 * 1024;
constexpr std::size_t kMaxOptionLength = 2048;

// Grants that other software offers and a user may try here.
constexpr std::string_view kOtherGrants[] = {"token_exchange", "jwt_bearer",         "on_behalf_of",
                                             "refresh_token",  "authorization_code", "password",
                                             "device_code"};

// Names under which people try to hand a secret to the database.
constexpr std::string_view kSecretNames[] = {"client_secret", "secret", "password",     "private_key",
                                             "key",           "token",  "access_token", "api_key"};

std::string quoted(std::string_view text) {
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
                                           : "Secrets are not kept in the database: a user mapping of a "
                                             "flowctl_oidc server names a file that "
                                             "holds it.";
    } else {
        if (auto closest = closest_name(place, name)) hint = "Perhaps you meant " + quoted(*closest) + ". ";
        hint += std::string("Valid options of ") + name_of(place) + " are: " + valid_names(place) + ".";
    }
    throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME, "invalid option " + quoted(name), std::move(hint));
}

// ------------------------------------------------------------------------------------------ values

[[noreturn]] void refuse_value(std::string_view name, const std::string& wrong, std::string hint = {}) {
    throw UserError(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE,
                    "invalid value for option " + quoted(name) + ": " + wrong, std::move(hint));
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

// RFC 6749 §3.3.
bool is_scope(std::string_view value) {
    if (value.front() == ' ' || value.back() == ' ') return false;
    return std::all_of(value.begin(), value.end(),
                       [](unsigned char c) { return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\'; });
}

void check_choice(const Spec& spec, std::string_view value) {
    if (is_choice(value, spec.choices)) return;
    if (spec.name == "grant" &&
        std::find(std::begin(kOtherGrants), std::end(kOtherGrants), value) != std::end(kOtherGrants))
        throw UserError(ERRCODE_FEATURE_NOT_SUPPORTED, "grant " + quoted(value) + " is not supported",
                        "This version of pg_flowctl gets tokens by client_credentials only.");
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
        case Kind::Algorithm:
            if (net::find_jose_algorithm(value) == nullptr)
                refuse_value(spec.name, "it is not the name of a signature algorithm that can be used",
                             "Valid values are: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
                             "ES512, EdDSA.");
            return;
        case Kind::Audience:
            if (value != "issuer" && value != "token_endpoint") {
                if (value.find(':') == std::string_view::npos)
                    refuse_value(spec.name, "it must be issuer, token_endpoint or a URI");
                check_uri(spec.name, value);
            }
            return;
    }
}

// ------------------------------------------------------------------------------------------ combinations

void require(const Options& options, std::string_view name, const char* where, std::string hint) {
    if (options.contains(name)) return;
    throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                    "option " + quoted(name) + " is required for " + where, std::move(hint));
}

[[noreturn]] void contradict(const std::string& message, std::string hint) {
    throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME, message, std::move(hint));
}

void check_http_server(const Options& options) {
    require(options, "url", "servers of flowctl_http", "It is what the endpoint's calls are sent to.");
    const bool issuer = options.contains("issuer");
    const bool auth = options.contains("auth");
    if (issuer && auth)
        contradict("options \"issuer\" and \"auth\" exclude each other",
                   "Name the issuer of the credential, or say auth 'none' for calls without one.");
    if (!issuer && !auth)
        throw UserError(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED,
                        "option \"issuer\" or \"auth\" is required",
                        "Name the flowctl_oidc server that issues the credential, or say auth 'none' for "
                        "calls without one.");
    if (!issuer)
        for (const char* name : {"grant", "scope", "audience", "resource"})
            if (options.contains(name))
                contradict("option " + quoted(name) + " needs option \"issuer\"",
                           "Calls with auth 'none' carry no credential.");
}

void check_oidc_server(const Options& options) {
    require(options, "issuer", "servers of flowctl_oidc",
            "It is the URL that the identity provider calls itself by.");
    if (option(options, "issuer").find('?') != std::string_view::npos)
        refuse_value("issuer", "it must not have a query");
    if (option(options, "discovery") == "none")
        require(options, "token_endpoint", "servers with discovery 'none'",
                "Nothing else says where tokens come from.");
}

void check_oidc_mapping(const Options& options) {
    require(options, "client_id", "user mappings of flowctl_oidc servers",
            "It is the name under which the issuer knows the client.");
    const bool by_key = option(options, "auth_method") == "private_key_jwt";
    if (by_key) {
        if (options.contains("client_secret_file"))
            contradict("option \"client_secret_file\" does not go with auth_method 'private_key_jwt'",
                       "Drop it, or use auth_method 'client_secret_basic'.");
        require(options, "private_key_file", "auth_method 'private_key_jwt'",
                "It names a PEM file in flowctl.secrets_dir.");
        return;
    }
    for (const char* name : {"private_key_file", "signing_alg", "key_id"})
        if (options.contains(name))
            contradict("option " + quoted(name) + " needs auth_method 'private_key_jwt'",
                       "Without auth_method, client_secret_basic is used.");
    require(options, "client_secret_file",
            options.contains("auth_method") ? "client_secret_basic and client_secret_post"
                                            : "client_secret_basic, which is used without auth_method",
            "It names a file in flowctl.secrets_dir that holds the secret.");
}

void check_files(const Options& options) {
    const auto name = file_option(options);
    if (!name || may_name_files(GetUserId())) return;
    throw UserError(
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        "permission denied to set options of an object that has " + quoted(*name),
        "Options ending in _file may be set only by superusers and members of pg_read_server_files.");
}

void validate(Place place, const Options& options) {
    for (const auto& [name, value] : options) {
        const auto* spec = std::find_if(std::begin(kSpecs), std::end(kSpecs),
                                        [&](const Spec& s) { return s.place == place && s.name == name; });
        if (spec == std::end(kSpecs)) refuse_name(place, name);
        check_value(*spec, value);
    }
    check_files(options);
    switch (place) {
        case Place::HttpServer:
            return check_http_server(options);
        case Place::OidcServer:
            return check_oidc_server(options);
        case Place::OidcMapping:
            return check_oidc_mapping(options);
    }
}

void refuse_any(const Options& options, const char* hint) {
    if (!options.empty())
        throw UserError(ERRCODE_FDW_INVALID_OPTION_NAME, "invalid option " + quoted(options.begin()->first),
                        hint);
}

Options argument(FunctionCallInfo fcinfo) {
    List* list = guarded([&] { return untransformRelOptions(fcinfo->args[0].value); });
    return to_options(list);
}

}  // namespace

Options to_options(List* list) {
    Options options;
    for (int i = 0; i < list_length(list); i++) {
        auto* element = static_cast<DefElem*>(list_nth(list, i));
        const char* value = guarded([&] { return defGetString(element); });
        options.insert_or_assign(element->defname, value);
    }
    return options;
}

std::string_view option(const Options& options, std::string_view name) {
    const auto found = options.find(name);
    return found == options.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<double> read_seconds(std::string_view text) {
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (!std::isfinite(value) || value < 0.001 || value > kMaxSeconds) return std::nullopt;
    return value;
}

std::optional<std::size_t> read_bytes(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > kMaxBytes)
        return std::nullopt;
    return static_cast<std::size_t>(value);
}

std::optional<bool> read_boolean(std::string_view text) {
    if (text.empty()) return std::nullopt;  // the server's parser reads at least one byte
    bool value = false;
    if (!parse_bool_with_len(text.data(), text.size(), &value)) return std::nullopt;
    return value;
}

bool may_name_files(Oid role) {
    return guarded([&] { return has_privs_of_role(role, ROLE_PG_READ_SERVER_FILES); });
}

std::optional<std::string> file_option(const Options& options) {
    for (const auto& [name, value] : options)
        if (name.ends_with("_file")) return name;
    return std::nullopt;
}

}  // namespace flowctl::pg

FLOWCTL_FUNCTION(flowctl_http_validator) {
    using namespace flowctl::pg;
    const Options options = argument(fcinfo);
    switch (PG_GETARG_OID(1)) {
        case ForeignServerRelationId:
            validate(Place::HttpServer, options);
            break;
        case UserMappingRelationId:
            refuse_any(options,
                       "User mappings of flowctl_http servers have no options: the credential is that of a "
                       "user mapping of "
                       "the issuer.");
            break;
        default:
            refuse_any(options, "There are no valid options in this context.");
    }
    PG_RETURN_VOID();
}

FLOWCTL_FUNCTION(flowctl_oidc_validator) {
    using namespace flowctl::pg;
    const Options options = argument(fcinfo);
    switch (PG_GETARG_OID(1)) {
        case ForeignServerRelationId:
            validate(Place::OidcServer, options);
            break;
        case UserMappingRelationId:
            validate(Place::OidcMapping, options);
            break;
        default:
            refuse_any(options, "There are no valid options in this context.");
    }
    PG_RETURN_VOID();
}
