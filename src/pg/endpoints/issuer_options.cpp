// Reading the options of flowctl_oidc servers and their user mappings. See issuer_options.hpp.
#include "pg/endpoints/issuer_options.hpp"

#include <utility>

#include "net/http/url.hpp"

namespace flowctl::pg {

namespace {

net::AuthMethod auth_method(std::string_view name) {
    using Method = net::AuthMethod;
    static constexpr std::pair<std::string_view, Method> kMethods[] = {
        {"client_secret_post", Method::ClientSecretPost},
        {"client_secret_jwt", Method::ClientSecretJwt},
        {"private_key_jwt", Method::PrivateKeyJwt},
        {"tls_client_auth", Method::TlsClientAuth},
        {"self_signed_tls_client_auth", Method::SelfSignedTlsClientAuth},
        {"workload_token", Method::AssertionToken},
        {"flowctl", Method::AssertionToken},
        {"none", Method::None},
    };
    for (const auto& [known, method] : kMethods)
        if (known == name) return method;
    return Method::ClientSecretBasic;
}

}  // namespace

IssuerOptions read_issuer_options(const std::string& server, const Options& options) {
    IssuerOptions read;
    net::Issuer& issuer = read.issuer;
    issuer.url = option(options, "issuer");
    issuer.name = server;
    const std::string_view discovery = option(options, "discovery");
    if (discovery == "oauth") issuer.discovery = net::Discovery::OAuth;
    if (discovery == "none") issuer.discovery = net::Discovery::None;
    issuer.token_endpoint = option(options, "token_endpoint");
    issuer.revocation_endpoint = option(options, "revocation_endpoint");
    const std::string_view audience = option(options, "assertion_audience");
    if (audience == "token_endpoint") {
        issuer.assertion_audience = net::AssertionAudience::TokenEndpoint;
    } else if (!audience.empty() && audience != "issuer") {
        issuer.assertion_audience = net::AssertionAudience::Given;
        issuer.assertion_audience_uri = audience;
    }
    issuer.jwks_uri = option(options, "jwks_uri");
    if (auto typ = if_set(options, "assertion_typ")) issuer.assertion_typ = *std::move(typ);
    issuer.timeout = seconds_or(options, "timeout", issuer.timeout);
    read.ca_file = option(options, "ca_file");
    for (const std::string& url : {issuer.url, issuer.token_endpoint}) {
        const auto parts = net::split_url(url);
        if (const auto* split = std::get_if<net::Url>(&parts)) read.origins.push_back(split->origin());
    }
    return read;
}

RegistrationOptions read_registration_options(const Options& options) {
    RegistrationOptions read;
    const std::string_view method = option(options, "auth_method");
    read.method = auth_method(method);
    read.own_assertion = method == "flowctl";
    for (const auto& [name, place] :
         {std::pair{"client_id", &read.client_id}, std::pair{"client_secret_file", &read.client_secret_file},
          std::pair{"private_key_file", &read.private_key_file}, std::pair{"signing_alg", &read.signing_alg},
          std::pair{"key_id", &read.key_id}, std::pair{"key_certificate_file", &read.key_certificate_file},
          std::pair{"certificate_file", &read.certificate_file},
          std::pair{"certificate_key_file", &read.certificate_key_file},
          std::pair{"workload_token_file", &read.workload_token_file},
          std::pair{"refresh_token_file", &read.refresh_token_file}})
        *place = option(options, name);
    return read;
}

}  // namespace flowctl::pg
