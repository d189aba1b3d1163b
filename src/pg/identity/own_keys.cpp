// Implementation of own_keys.hpp.
#include "pg/identity/own_keys.hpp"

#include <optional>

#include "net/crypto/crypto.hpp"
#include "net/crypto/secret.hpp"
#include "net/http/url.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

const char* or_empty(const char* setting) noexcept {
    return setting == nullptr ? "" : setting;
}

}  // namespace

std::variant<std::string, std::string> own_issuer_url() {
    using Outcome = std::variant<std::string, std::string>;
    if (guc::issuer_url == nullptr || *guc::issuer_url == '\0')
        return Outcome(std::in_place_index<1>, "flowctl.issuer_url is not set");
    const std::string database = guarded([] { return get_database_name(MyDatabaseId); });
    return Outcome(std::in_place_index<0>,
                   std::string(guc::issuer_url) + '/' + net::percent_encode(database));
}

std::variant<net::OwnKeys, std::string> own_keys(bool keep) {
    static std::string kept_digest;
    static std::optional<net::OwnKeys> kept;
    const std::vector<std::string> names = net::file_names(or_empty(guc::issuer_keys));
    if (names.empty()) return std::string("flowctl.issuer_keys names no key");
    std::vector<net::OwnKeys::Pem> files;
    std::string digests;
    for (const std::string& name : names) {
        auto content = net::read_secret_file(or_empty(guc::secrets_dir), name);
        if (auto* wrong = std::get_if<std::string>(&content)) return "flowctl.issuer_keys: " + *wrong;
        files.push_back({name, std::move(std::get<net::Secret>(content))});
        digests += net::sha256(files.back().content.reveal());
    }
    net::Pkcs11Place place;
    place.module = or_empty(guc::pkcs11_module);
    place.secrets_dir = or_empty(guc::secrets_dir);
    digests += place.module + '\n' + place.secrets_dir;
    if (keep && kept && digests == kept_digest) return *kept;
    auto keys = net::OwnKeys::read(files, place);
    if (auto* wrong = std::get_if<std::string>(&keys)) return "flowctl.issuer_keys: " + *wrong;
    if (keep) {
        kept = std::get<net::OwnKeys>(keys);
        kept_digest = digests;
    }
    return keys;
}

std::variant<std::vector<net::DecryptionKey>, std::string> encryption_keys() {
    const std::string setting = "flowctl.issuer_encryption_keys: ";
    std::vector<net::DecryptionKey> keys;
    for (const std::string& name : net::file_names(or_empty(guc::issuer_encryption_keys))) {
        auto content = net::read_secret_file(or_empty(guc::secrets_dir), name);
        if (const auto* wrong = std::get_if<std::string>(&content)) return setting + *wrong;
        auto key = net::DecryptionKey::from_pem(std::get<net::Secret>(content).reveal());
        if (const auto* wrong = std::get_if<std::string>(&key))
            return setting + "\"" + name + "\": " + *wrong;
        keys.push_back(std::move(std::get<net::DecryptionKey>(key)));
    }
    return keys;
}

}  // namespace flowctl::pg
