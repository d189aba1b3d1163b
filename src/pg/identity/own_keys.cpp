// Implementation of own_keys.hpp.
#include "pg/identity/own_keys.hpp"

#include <algorithm>
#include <optional>

#include "net/crypto/crypto.hpp"
#include "net/crypto/secret.hpp"
#include "net/http/url.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxFiles = 16;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

// Calls `with` for each name until it says false.
template <class With>
void each_name(std::string_view list, With with) {
    while (!trimmed(list).empty()) {
        const std::size_t comma = list.find(',');
        if (!with(trimmed(list.substr(0, comma))) || comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace

std::vector<std::string> file_names(const char* setting) {
    std::vector<std::string> names;
    each_name(setting == nullptr ? "" : setting, [&](std::string_view name) {
        names.emplace_back(name);
        return true;
    });
    return names;
}

const char* objection_to_file_names(const char* setting) noexcept {
    const char* objection = nullptr;
    std::size_t count = 0;
    each_name(setting, [&](std::string_view name) {
        if (!net::is_plain_file_name(name))
            objection = "It must be a list of plain file names, separated by commas.";
        else if (++count > kMaxFiles)
            objection = "It may name 16 files at most.";
        return objection == nullptr;
    });
    return objection;
}

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
    const std::vector<std::string> names = file_names(guc::issuer_keys);
    if (names.empty()) return std::string("flowctl.issuer_keys names no key");
    std::vector<net::OwnKeys::Pem> files;
    std::string digests;
    for (const std::string& name : names) {
        auto content = net::read_secret_file(guc::secrets_dir == nullptr ? "" : guc::secrets_dir, name);
        if (auto* wrong = std::get_if<std::string>(&content)) return "flowctl.issuer_keys: " + *wrong;
        files.push_back({name, std::move(std::get<net::Secret>(content))});
        digests += net::sha256(files.back().content.reveal());
    }
    net::Pkcs11Place place;
    place.module = guc::pkcs11_module == nullptr ? "" : guc::pkcs11_module;
    place.secrets_dir = guc::secrets_dir == nullptr ? "" : guc::secrets_dir;
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
    for (const std::string& name : file_names(guc::issuer_encryption_keys)) {
        auto content = net::read_secret_file(guc::secrets_dir == nullptr ? "" : guc::secrets_dir, name);
        if (const auto* wrong = std::get_if<std::string>(&content)) return setting + *wrong;
        auto key = net::DecryptionKey::from_pem(std::get<net::Secret>(content).reveal());
        if (const auto* wrong = std::get_if<std::string>(&key))
            return setting + "\"" + name + "\": " + *wrong;
        keys.push_back(std::move(std::get<net::DecryptionKey>(key)));
    }
    return keys;
}

}  // namespace flowctl::pg
