// Files that options of foreign servers and user mappings name: secrets, tokens, certificates.
//
// They are read as they are now, from flowctl.secrets_dir and nowhere else; what they hold is never part of a
// message. Whose options are honoured is endpoint_chain's to say, how a file must be owned net/secret's.
//
// Called by endpoint, endpoint_credential and endpoint_auth.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/call/token_input.hpp"
#include "net/crypto/client_certificate.hpp"
#include "net/crypto/secret.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/endpoints/options.hpp"

namespace flowctl::pg {

// Empty: there is none.
std::string secrets_dir();
EndpointFailure no_secrets_dir(std::string_view option_name);

Result<net::Secret, EndpointFailure> secret_file(const Options& options, std::string_view name);
Result<net::TokenInput, EndpointFailure> token_file(const Options& options, std::string_view name);
// Those of certificate_file and certificate_key_file.
Result<std::shared_ptr<const net::ClientCertificate>, EndpointFailure> certificate_of(const Options& options);
// The path of a server's CA file, which is public: it need only be readable. Empty: the option is not set.
Result<std::string, EndpointFailure> ca_path(const std::string& server, const Options& options);

}  // namespace flowctl::pg
