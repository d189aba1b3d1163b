// ClientCertificate: the certificate and key with which a TLS connection shows who calls (RFC 8705, or mutual
// TLS by itself).
//
// from_pem() checks that the parts belong together: a PEM certificate, with the intermediate ones behind it, and
// the unencrypted private key of the first. So a connection never asks for a passphrase, and a mistake is
// reported before anything is sent. An issuer puts the thumbprint into a token that is bound to the certificate
// (cnf.x5t#S256), and private_key_jwt can carry it in its header.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/crypto/secret.hpp"

namespace flowctl::net {

class ClientCertificate {
  public:
    // The alternative is a message that says what is wrong and quotes nothing of either.
    static std::variant<std::shared_ptr<const ClientCertificate>, std::string> from_pem(
        std::string_view certificates, std::string_view private_key);

    std::string_view certificates() const noexcept { return certificates_; }  // PEM
    std::string_view private_key() const noexcept { return private_key_.reveal(); }
    const std::string& thumbprint() const noexcept { return thumbprint_; }  // x5t#S256, base64url

    ClientCertificate(std::string certificates, Secret private_key, std::string thumbprint)
        : certificates_(std::move(certificates)),
          private_key_(std::move(private_key)),
          thumbprint_(std::move(thumbprint)) {}

  private:
    std::string certificates_;
    Secret private_key_;
    std::string thumbprint_;
};

// base64url of SHA-256 over the first certificate's DER form, or what is wrong with the text.
std::variant<std::string, std::string> certificate_thumbprint(std::string_view certificates);  // 1: a message

}  // namespace flowctl::net
