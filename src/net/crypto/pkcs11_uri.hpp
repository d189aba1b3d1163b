// The names of keys in PKCS#11 tokens (RFC 7512): pkcs11:token=flowctl;object=2026-12?pin-source=hsm-pin
//
// The attributes that are read say which token (token, serial), which key in it (object, id) and where the PIN
// is. pin-source is the plain name of a secret file and not a path. A URI that holds a PIN, names a module, or
// has any attribute that we would have to ignore is refused.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace flowctl::net {

struct Pkcs11Uri {
    std::string token;   // its label; empty: not asked for
    std::string serial;  // its serial number
    std::string object;  // the key's label
    std::string id;      // the key's id, as bytes
    std::string pin_file;
};

// Or what is wrong with it.
std::variant<Pkcs11Uri, std::string> read_pkcs11_uri(std::string_view text);

}  // namespace flowctl::net
