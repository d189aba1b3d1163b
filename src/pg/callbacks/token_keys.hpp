// The keys that task tokens are made with and checked by, and the tokens of one run.
//
// A key is a file: those that flowctl.token_keys lists in flowctl.secrets_dir, of which the first makes tokens
// and all of them check; or, where the setting is empty, one file in the data directory, which whoever needs it
// first makes. A base backup takes that file along, so a standby has the same key. Keys are in no table, and
// so neither in WAL nor in a dump. A process keeps the keys as long as the files stay as they are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/machine/machine.hpp"
#include "net/crypto/sealed_token.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/uuid.hpp"

namespace flowctl::pg {

struct TokenKeys {
    std::vector<net::TokenKey> keys;  // the first makes tokens; none only where nothing has made a key yet

    bool have_made(const net::SealedToken& token) const;
};

// The keys as they are now. `make`: there has to be one, so that a missing file in the data directory is made.
// Raises a UserError that names what is wrong with a file.
std::shared_ptr<const TokenKeys> token_keys(net::KeptBy kept_by, bool make);

// The name of the file in the data directory.
inline constexpr const char* kTokenKeyFile = "pg_flowctl.token_key";

// The tokens of one run, for the machine. The run fails where there are no keys.
class TaskTokensOfRun final : public machine::TaskTokens {
  public:
    explicit TaskTokensOfRun(const Uuid& run) : run_(run) {}
    std::string token(const std::string& place) const override;

  private:
    Uuid run_;
};

// The place of a Call: 32 hexadecimal digits.
Uuid place_from_text(const std::string& place);

}  // namespace flowctl::pg
