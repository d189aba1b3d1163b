// Private keys that never leave a PKCS#11 token: an HSM, a smart card, a cloud's key service.
//
// The module is the vendor's shared library, spoken to by its function list alone, so that neither an OpenSSL
// engine nor a provider has to be there. It is loaded at the first signature, in the process that signs, and
// kept to its end: never in the postmaster, since what a module starts does not survive a fork, and never in
// a session, which needs public keys only. A lost session is opened again once; if that fails, the failure is
// reported, nobody asks the token again for some seconds, and then the module is started anew. A PIN that was
// refused is not tried again until the file holds another one, because tokens lock after a few wrong PINs.
//
// A signature blocks the process for as long as the token takes. Signals are blocked meanwhile, so that threads
// which a module starts never run the server's handlers.
#pragma once

#include <memory>
#include <string>

#include "net/crypto/jose.hpp"
#include "net/crypto/pkcs11_uri.hpp"

namespace flowctl::net {

// Where tokens and their PINs are found.
struct Pkcs11Place {
    std::string module;       // path of the shared library; empty: none
    std::string secrets_dir;  // of the file with the PIN
};

std::shared_ptr<RemoteKey> pkcs11_key(const Pkcs11Place& place, Pkcs11Uri uri);

}  // namespace flowctl::net
