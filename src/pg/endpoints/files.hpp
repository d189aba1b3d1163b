// Files that options of foreign servers and user mappings name: secrets, tokens, certificates.
//
// They are read as they are now, from flowctl.secrets_dir and nowhere else; what they hold is never part of a
// message. chain.hpp decides whose options are honoured, and net/crypto/secret.hpp how a file must be owned.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/call/token_input.hpp"
#include "net/crypto/client_certificate.hpp"
#include "net/crypto/secret.hpp"
#include "pg/endpoints/endpoint.hpp"

namespace flowctl::pg {

// Empty: there is none.
std::string secrets_dir();
EndpointFailure no_secrets_dir(std::string_view option_name);

// `option_name` names the option in messages, and `file` is its value.
Result<net::Secret, EndpointFailure> secret_file(std::string_view option_name, const std::string& file);
Result<net::TokenInput, EndpointFailure> token_file(std::string_view option_name, const std::string& file);
// Of the options certificate_file and certificate_key_file.
Result<std::shared_ptr<const net::ClientCertificate>, EndpointFailure> certificate_of(
    const std::string& certificate_file, const std::string& certificate_key_file);
// The path of a server's CA file, which is public: it need only be readable. Empty: the option is not set.
Result<std::string, EndpointFailure> ca_path(const std::string& server, const std::string& file);

}  // namespace flowctl::pg
