// The options of a flowctl_oidc server, and of a user mapping at one, as typed values.
//
// They are read once and kept, as those of endpoints are (http_options.hpp).
#pragma once

#include <string>
#include <vector>

#include "net/client.hpp"
#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

struct IssuerOptions {
    net::Issuer issuer;  // without ca_file, which is a path there
    std::string ca_file;
    std::vector<std::string> origins;  // of the issuer and of its token endpoint, where that is given
};
IssuerOptions read_issuer_options(const std::string& server, const Options& options);

// How a role is registered with the issuer.
struct RegistrationOptions {
    std::string client_id;
    net::AuthMethod method = net::AuthMethod::ClientSecretBasic;
    bool own_assertion = false;  // auth_method 'flowctl': our own issuer signs what is handed in
    std::string client_secret_file;
    std::string private_key_file;
    std::string signing_alg;
    std::string key_id;
    std::string key_certificate_file;
    std::string certificate_file;
    std::string certificate_key_file;
    std::string workload_token_file;
    std::string refresh_token_file;
};
RegistrationOptions read_registration_options(const Options& options);

}  // namespace flowctl::pg
