// The rules of option `auth` and its companions. See auth_rules.hpp.
#include "pg/endpoints/auth_rules.hpp"

#include "pg/endpoints/option_rules.hpp"

namespace flowctl::pg {

namespace {

// Options that belong to one value of `auth` and stand with no other.
struct Companion {
    std::string_view name;
    std::string_view auth;
};
constexpr Companion kCompanions[] = {
    {"api_key_file", "api_key"},
    {"api_key_header", "api_key"},
    {"api_key_query", "api_key"},
    {"username", "basic"},
    {"password_file", "basic"},
    {"hmac_secret_file", "hmac"},
    {"aws_region", "aws_sigv4"},
    {"aws_service", "aws_sigv4"},
    {"aws_unsigned_payload", "aws_sigv4"},
    {"aws_access_key_id", "aws_sigv4"},
    {"aws_secret_key_file", "aws_sigv4"},
    {"role_arn", "aws_sigv4"},
    {"sts_endpoint", "aws_sigv4"},
    {"session_duration", "aws_sigv4"},
    {"session_lifetime", "aws_sigv4"},
    {"web_identity", "aws_sigv4"},
    {"web_identity_token_file", "aws_sigv4"},
};

void check_companions(const Options& options, std::string_view auth) {
    for (const Companion& one : kCompanions)
        if (one.auth != auth && options.contains(one.name))
            contradict("option " + in_quotes(one.name) + " needs auth '" + std::string(one.auth) + "'",
                       auth.empty() ? "The server's calls carry a token of its issuer."
                                    : "The server says auth '" + std::string(auth) + "'.");
}

void check_aws(const Options& options) {
    require(options, "aws_region", "auth 'aws_sigv4'", "It is the region that requests are signed for.");
    require(options, "aws_service", "auth 'aws_sigv4'",
            "It is the name that AWS signs the service by: lambda, sqs, sns, events, states, s3, "
            "execute-api, ...");
    if (!options.contains("role_arn")) {
        for (const char* name : {"issuer", "web_identity", "web_identity_token_file", "sts_endpoint",
                                 "session_duration", "session_lifetime"})
            if (options.contains(name))
                contradict("option " + in_quotes(name) + " needs option \"role_arn\"",
                           "It names the role whose session is asked for.");
        require(options, "aws_access_key_id", "auth 'aws_sigv4' without role_arn",
                "Name a role in role_arn and a web identity, or a key by aws_access_key_id and "
                "aws_secret_key_file.");
        require(options, "aws_secret_key_file", "auth 'aws_sigv4' without role_arn",
                "It names a file in flowctl.secrets_dir that holds the secret access key.");
        return;
    }
    for (const char* name : {"aws_access_key_id", "aws_secret_key_file"})
        if (options.contains(name))
            contradict("option " + in_quotes(name) + " does not go with option \"role_arn\"",
                       "The keys of a role's session are asked for when they are needed.");
    const int sources = (options.contains("issuer") ? 1 : 0) + (options.contains("web_identity") ? 1 : 0) +
                        (options.contains("web_identity_token_file") ? 1 : 0);
    if (sources != 1)
        contradict(
            "option \"role_arn\" needs one of \"issuer\", \"web_identity\" and \"web_identity_token_file\"",
            "It says whose token AWS is to trust: an issuer's, this installation's own (web_identity "
            "'flowctl'), or one that the platform keeps in a file.");
}

void check_impersonation(const Options& options, std::string_view auth) {
    for (const char* name : {"impersonate_lifetime", "impersonate_scope", "iam_endpoint"})
        if (options.contains(name) && !options.contains("impersonate"))
            contradict("option " + in_quotes(name) + " needs option \"impersonate\"",
                       "It names the Google service account whose token is asked for.");
    if (options.contains("impersonate") && (!options.contains("issuer") || !auth.empty()))
        contradict("option \"impersonate\" needs option \"issuer\"",
                   "Name the flowctl_oidc server that stands for Google's security token service.");
}

void check_prefect(const Options& options) {
    const bool prefect = option(options, "kind") == "prefect";
    if (prefect)
        require(options, "deployment", "servers of kind 'prefect'",
                "It is the id (a UUID) of the deployment whose flow runs are started.");
    if (options.contains("deployment") && !prefect)
        contradict("option \"deployment\" needs kind 'prefect'", "It names a deployment of Prefect.");
    if (options.contains("poll_interval") && !prefect && option(options, "auth") != "aws_sigv4")
        contradict("option \"poll_interval\" needs kind 'prefect' or auth 'aws_sigv4'",
                   "It says how often work that was begun with .sync is asked for.");
}

}  // namespace

void check_auth_options(const Options& options) {
    const std::string_view auth = option(options, "auth");
    check_companions(options, auth);
    if (auth == "api_key") {
        require(options, "api_key_file", "auth 'api_key'",
                "It names a file in flowctl.secrets_dir that holds the key.");
        if (options.contains("api_key_header") == options.contains("api_key_query"))
            contradict("auth 'api_key' needs one of \"api_key_header\" and \"api_key_query\"",
                       "It is the name of the header or of the query parameter that carries the key.");
    }
    if (auth == "basic") {
        require(options, "username", "auth 'basic'", "It is the name that goes with the password.");
        require(options, "password_file", "auth 'basic'",
                "It names a file in flowctl.secrets_dir that holds the password.");
    }
    if (auth == "hmac")
        require(options, "hmac_secret_file", "auth 'hmac'",
                "It names a file in flowctl.secrets_dir that holds keys as Standard Webhooks writes them: "
                "whsec_...");
    if (auth == "aws_sigv4") check_aws(options);
    if (auth == "hmac" || auth == "aws_sigv4")
        if (is_on(options, "follow_redirects"))
            contradict("option \"follow_redirects\" does not go with auth " + ("'" + std::string(auth) + "'"),
                       "A signature is for the url that was called.");
    if (options.contains("certificate_file") != options.contains("certificate_key_file"))
        contradict("options \"certificate_file\" and \"certificate_key_file\" need each other",
                   "They name PEM files in flowctl.secrets_dir: the certificate with its chain, and its "
                   "private key.");
    if (auth == "mtls")
        require(options, "certificate_file", "auth 'mtls'",
                "The certificate of the connection is all that such calls show.");
    check_impersonation(options, auth);
    check_prefect(options);
}

}  // namespace flowctl::pg
