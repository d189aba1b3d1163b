// Implementation of client_certificate.hpp on OpenSSL 3.
#include "net/crypto/client_certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <new>

#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxPemBytes = 64 * 1024;

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate first_certificate(std::string_view pem) {
    if (pem.empty() || pem.size() > kMaxPemBytes) return {nullptr, X509_free};
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    if (!bio) throw std::bad_alloc();
    Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    ERR_clear_error();
    return certificate;
}

std::string thumbprint_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned length = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) != 1) throw std::bad_alloc();
    return base64url_encode({reinterpret_cast<const char*>(digest.data()), length});
}

}  // namespace

std::variant<std::string, std::string> certificate_thumbprint(std::string_view certificates) {
    using Result = std::variant<std::string, std::string>;
    const Certificate certificate = first_certificate(certificates);
    if (!certificate) return Result(std::in_place_index<1>, "it is not a PEM certificate");
    return Result(std::in_place_index<0>, thumbprint_of(certificate.get()));
}

std::variant<std::shared_ptr<const ClientCertificate>, std::string> ClientCertificate::from_pem(
    std::string_view certificates, std::string_view private_key) {
    const Certificate certificate = first_certificate(certificates);
    if (!certificate) return std::string("the certificate is not a PEM certificate");
    auto loaded = load_private_key(private_key);
    if (auto* fault = std::get_if<std::string>(&loaded)) return *fault;
    const int fits =
        X509_check_private_key(certificate.get(), std::get<std::shared_ptr<evp_pkey_st>>(loaded).get());
    ERR_clear_error();
    if (fits != 1) return std::string("the private key is not the certificate's");
    return std::make_shared<const ClientCertificate>(std::string(certificates), Secret(private_key),
                                                     thumbprint_of(certificate.get()));
}

}  // namespace flowctl::net
