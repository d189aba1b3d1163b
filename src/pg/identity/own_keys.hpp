// The keys of our own issuer, and what it calls itself.
//
// Keys are files in flowctl.secrets_dir that flowctl.issuer_keys lists: the first signs, all are published. A
// key is rotated in three steps, each a change of the list: publish the next behind the current one; when
// relying parties have seen it, put it first; when the last token of the old one has ended, take the old one
// away. Files are read at each use, so that what is in them counts at once; a process that signs keeps the
// parsed keys as long as the files' content is the same. Where a file names a key in a PKCS#11 token, only
// the process that signs asks the token (net/crypto/pkcs11). The issuer's URL is the setting and the database's
// name, so that no two databases of an installation are the same issuer.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "net/crypto/jwe.hpp"
#include "net/tokens/own_issuer.hpp"

namespace flowctl::pg {

// The issuer of this database, or why there is none. Needs a transaction.
std::variant<std::string, std::string> own_issuer_url();  // index 0: the URL, 1: a message
// The signing keys, or why there are none. `keep`: this process signs often.
std::variant<net::OwnKeys, std::string> own_keys(bool keep);

// The keys that users' tokens are encrypted to; none where the setting is empty.
std::variant<std::vector<net::DecryptionKey>, std::string> encryption_keys();

}  // namespace flowctl::pg
