// Implementation of pkcs11_uri.hpp.
#include "net/crypto/pkcs11_uri.hpp"

#include <optional>

#include "net/crypto/encoding.hpp"
#include "net/crypto/secret.hpp"

namespace flowctl::net {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::size_t kMaxBytes = 1024;

// What is wrong with the attribute, or nothing; then its value is in the URI.
std::optional<std::string> take(Pkcs11Uri& uri, std::string_view attribute, bool in_query) {
    const std::size_t equals = attribute.find('=');
    if (equals == std::string_view::npos) return "its PKCS#11 URI has an attribute without a value";
    const std::string name(attribute.substr(0, equals));
    const std::string_view encoded = attribute.substr(equals + 1);
    if (encoded.empty() || has_broken_percent(encoded))
        return "its PKCS#11 URI has no readable value for " + name;
    const std::string value = percent_decode(encoded);
    if (!in_query && name == "type") {
        if (value == "private") return std::nullopt;
        return "its PKCS#11 URI names no private key (type)";
    }
    if (in_query && name == "pin-value") return "its PKCS#11 URI may not hold a PIN: pin-source names a file";
    if (in_query && name == "pin-source" && !is_plain_file_name(value))
        return "pin-source of its PKCS#11 URI must be the plain name of a file in flowctl.secrets_dir";
    std::string* place = nullptr;
    if (in_query) {
        if (name == "pin-source") place = &uri.pin_file;
    } else if (name == "token") {
        place = &uri.token;
    } else if (name == "serial") {
        place = &uri.serial;
    } else if (name == "object") {
        place = &uri.object;
    } else if (name == "id") {
        place = &uri.id;
    }
    if (place == nullptr)
        return "its PKCS#11 URI has another attribute than token, serial, object, id, type and pin-source";
    if (!place->empty()) return "its PKCS#11 URI has " + name + " twice";
    *place = value;
    return std::nullopt;
}

}  // namespace

std::variant<Pkcs11Uri, std::string> read_pkcs11_uri(std::string_view text) {
    if (!text.starts_with(kScheme)) return std::string("it holds no PKCS#11 URI");
    if (text.size() > kMaxBytes) return std::string("its PKCS#11 URI is longer than 1 kB");
    text.remove_prefix(kScheme.size());
    Pkcs11Uri uri;
    const std::size_t question = std::min(text.find('?'), text.size());
    std::string_view path = text.substr(0, question);
    std::string_view query = text.substr(std::min(question + 1, text.size()));
    for (const bool in_query : {false, true}) {
        std::string_view& rest = in_query ? query : path;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(in_query ? '&' : ';'), rest.size());
            if (auto fault = take(uri, rest.substr(0, end), in_query)) return std::move(*fault);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    if (uri.token.empty() && uri.serial.empty())
        return std::string("its PKCS#11 URI names no token (token or serial)");
    if (uri.object.empty() && uri.id.empty())
        return std::string("its PKCS#11 URI names no key (object or id)");
    if (uri.pin_file.empty()) return std::string("its PKCS#11 URI names no file for the PIN (pin-source)");
    return uri;
}

}  // namespace flowctl::net
