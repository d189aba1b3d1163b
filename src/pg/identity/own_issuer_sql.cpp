// SQL functions of our own issuer: what a relying party needs to verify its tokens.
//
// Both are executable for all: they hold public keys and a URL, which are meant to be read by strangers, and
// whatever serves them to the outside needs no more right than to log in. The private keys are read here to
// derive the public ones, and wiped.
#include "net/tokens/own_issuer.hpp"
#include "pg/identity/own_keys.hpp"
#include "pg/server/bridge.hpp"

namespace flowctl::pg {

namespace {

net::OwnKeys keys_to_publish() {
    auto keys = own_keys(false);
    if (const auto* why = std::get_if<std::string>(&keys))
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "there are no keys to publish: " + *why,
                        "flowctl.issuer_keys lists PEM files in flowctl.secrets_dir.");
    return std::get<net::OwnKeys>(std::move(keys));
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_jwks) {
    std::vector<net::JsonWriter> jwks = keys_to_publish().published();
    auto encryption = encryption_keys();
    if (const auto* why = std::get_if<std::string>(&encryption))
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "there are no keys to publish: " + *why,
                        "flowctl.issuer_encryption_keys lists PEM files in flowctl.secrets_dir.");
    // Clients are to encrypt to the first key; the others are there for tokens that were encrypted before.
    const auto& keys = std::get<std::vector<net::DecryptionKey>>(encryption);
    if (!keys.empty()) jwks.push_back(keys.front().public_jwk());
    return to_text(net::own_key_set(jwks));
}

FLOWCTL_FUNCTION(flowctl_openid_configuration) {
    const auto url = own_issuer_url();
    if (url.index() == 1)
        throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                        "there is no issuer of our own: " + std::get<1>(url),
                        "Set it to the https URL below which flowctl.jwks() will be found.");
    return to_text(net::own_openid_configuration(std::get<0>(url), keys_to_publish().algorithms()));
}

}  // namespace flowctl::pg
