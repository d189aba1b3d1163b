// The kinds of values. See option_values.hpp.
#include <algorithm>
#include <string>
#include <variant>

#include "pg/endpoints/option_values.hpp"
#include "base/ascii.hpp"
#include "core/gates/rate.hpp"
#include "net/crypto/jose_algorithm.hpp"
#include "net/crypto/secret.hpp"
#include "net/http/url.hpp"
#include "net/proofs/call_auth.hpp"
#include "pg/endpoints/lease_terms.hpp"
#include "pg/endpoints/options.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxOptionLength = 2048;
// RFC 8693 §3, by the last part of their URN.
constexpr std::string_view kTokenTypes = "access_token, refresh_token, id_token, jwt, saml1, saml2";
constexpr std::string_view kSecretAlgorithms = "HS256, HS384, HS512";

// Grants that other software offers, so that a user may try them here. All of them need a person in front of a
// browser, or a person's password.
constexpr std::string_view kOtherGrants[] = {"authorization_code", "password", "device_code", "implicit"};

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

void check_url(std::string_view name, std::string_view value) {
    const auto url = net::split_url(value);
    if (const auto* wrong = std::get_if<std::string>(&url)) refuse_value(name, *wrong);
}

// An absolute URI without fragment (RFC 8707 §2), whatever its scheme.
void check_uri(std::string_view name, std::string_view value) {
    const std::size_t colon = value.find(':');
    const bool scheme =
        colon != std::string_view::npos && colon > 0 && colon + 1 < value.size() &&
        std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(colon),
                    [](char c) { return is_ascii_alphanumeric(c) || c == '+' || c == '-' || c == '.'; });
    if (!scheme || !is_visible_ascii(value) || value.find('#') != std::string_view::npos)
        refuse_value(name, "it must be an absolute URI without fragment");
}

// What stands in signatures, urls and headers without being encoded.
bool is_plain_token(std::string_view value) {
    return std::all_of(value.begin(), value.end(),
                       [](char c) { return is_ascii_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_uuid(std::string_view value) {
    if (value.size() != 36) return false;
    for (std::size_t i = 0; i < value.size(); i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? value[i] != '-' : hex_value(value[i]) < 0) return false;
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

void check_choice(std::string_view name, std::string_view choices, std::string_view value) {
    if (is_choice(value, choices)) return;
    if (name == "grant" &&
        std::find(std::begin(kOtherGrants), std::end(kOtherGrants), value) != std::end(kOtherGrants))
        throw UserError(ERRCODE_FEATURE_NOT_SUPPORTED, "grant " + in_quotes(value) + " is not supported",
                        "Nobody is there to sign in. Valid values are: " + std::string(choices) + ".");
    refuse_value(name, "it is not one of the values it may have",
                 "Valid values are: " + std::string(choices) + ".");
}

}  // namespace

void check_option_value(std::string_view name, OptionKind kind, std::string_view choices,
                        std::string_view value) {
    if (value.empty()) refuse_value(name, "it must not be empty");
    if (value.size() > kMaxOptionLength) refuse_value(name, "it is longer than 2048 bytes");
    if (has_control_character(value)) refuse_value(name, "it contains a control character");
    switch (kind) {
        case OptionKind::Text:
            return;
        case OptionKind::Name:
            if (value.size() >= NAMEDATALEN)
                refuse_value(name, "it is too long for the name of a foreign server");
            return;
        case OptionKind::Url:
            return check_url(name, value);
        case OptionKind::Issuer:
            check_url(name, value);
            if (value.find('?') != std::string_view::npos) refuse_value(name, "it must not have a query");
            return;
        case OptionKind::Seconds:
            if (!read_seconds(value))
                refuse_value(name, "it must be a number of seconds from 0.001 to 86400");
            return;
        case OptionKind::Bytes:
            if (!read_bytes(value)) refuse_value(name, "it must be a number of bytes from 1 to 67108864");
            return;
        case OptionKind::Boolean:
            if (!read_boolean(value)) refuse_value(name, "it must be true or false");
            return;
        case OptionKind::Choice:
            return check_choice(name, choices, value);
        case OptionKind::File:
            if (!net::is_plain_file_name(value))
                refuse_value(name, "it must be a plain file name",
                             "The file is looked for in the directory that flowctl.secrets_dir names.");
            return;
        case OptionKind::Scope:
            if (!is_scope(value)) refuse_value(name, "it must be a list of scope names separated by spaces");
            return;
        case OptionKind::Arn:
            if (!value.starts_with("arn:") || value.find(' ') != std::string_view::npos)
                refuse_value(name, "it must be an ARN, in which * stands for any part",
                             "For example: arn:aws:lambda:*:*:function:charge.");
            return;
        case OptionKind::Uuid:
            if (!is_uuid(value)) refuse_value(name, "it must be a UUID");
            return;
        case OptionKind::HeaderName:
            if (!net::may_carry_api_key(value))
                refuse_value(name, "it must be the name of a header that is not used otherwise",
                             "For example: X-Api-Key.");
            return;
        case OptionKind::Token:
            if (!is_plain_token(value))
                refuse_value(name, "it must consist of letters, digits, '-', '_' and '.'");
            return;
        case OptionKind::RoleArn:
            if (!is_role_arn(value))
                refuse_value(name, "it must be the ARN of an IAM role",
                             "For example: arn:aws:iam::123456789012:role/orders.");
            return;
        case OptionKind::SessionSeconds:
            if (!is_whole_number(value, 900, 43'200))
                refuse_value(
                    name, "it must be a whole number of seconds from 900 to 43200",
                    "AWS gives no shorter sessions; session_lifetime takes their rights away earlier.");
            return;
        case OptionKind::ImpersonateSeconds:
            if (!is_whole_number(value, 60, 43'200))
                refuse_value(name, "it must be a whole number of seconds from 60 to 43200");
            return;
        case OptionKind::PollSeconds:
            if (!is_whole_number(value, 1, 3'600))
                refuse_value(name, "it must be a whole number of seconds from 1 to 3600");
            return;
        case OptionKind::Count:
            if (!is_whole_number(value, 1, 1'000'000))
                refuse_value(name, "it must be a whole number from 1 to 1000000");
            return;
        case OptionKind::Rate:
            if (value.size() > 100 || !gates::parse_rate(value))
                refuse_value(name, "it must be a number of calls and a time",
                             "For example '100/min', '5/s' or '20/2 h': at least one, and at most a million a "
                             "second.");
            return;
        case OptionKind::Connections:
            if (!is_whole_number(value, 1, 100))
                refuse_value(name, "it must be a whole number from 1 to 100");
            return;
        case OptionKind::RoleNames:
            if (!lease::read_names(value))
                refuse_value(name, "it must be a list of role names separated by commas",
                             "They are written as in SQL: a name with capitals or blanks in double quotes.");
            return;
        case OptionKind::RoleName:
            if (const auto names = lease::read_names(value); !names || names->size() != 1)
                refuse_value(name, "it must be the name of a role",
                             "It is written as in SQL: a name with capitals or blanks in double quotes.");
            return;
        case OptionKind::Algorithm:
            if (net::find_jose_algorithm(value) == nullptr && !is_choice(value, kSecretAlgorithms))
                refuse_value(name, "it is not the name of a signature algorithm that can be used",
                             "Valid values are: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
                             "ES512, EdDSA; with client_secret_jwt HS256, HS384, HS512.");
            return;
        case OptionKind::Uris:
            if (value.front() == ' ' || value.back() == ' ' || value.find("  ") != std::string_view::npos)
                refuse_value(name, "it must be a list of URIs, each separated by one space");
            for (std::string_view rest = value; !rest.empty();) {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                check_uri(name, rest.substr(0, end));
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
            return;
        case OptionKind::TokenType:
            if (!is_choice(value, kTokenTypes) && value.find(':') == std::string_view::npos)
                refuse_value(name, "it is neither a type of token nor a URI",
                             "Valid values are: " + std::string(kTokenTypes) + ", or a URI.");
            if (!is_choice(value, kTokenTypes)) check_uri(name, value);
            return;
        case OptionKind::Algorithms:
            return check_algorithms(name, value);
        case OptionKind::Audience:
            if (value != "issuer" && value != "token_endpoint") {
                if (value.find(':') == std::string_view::npos)
                    refuse_value(name, "it must be issuer, token_endpoint or a URI");
                check_uri(name, value);
            }
            return;
    }
}

}  // namespace flowctl::pg
