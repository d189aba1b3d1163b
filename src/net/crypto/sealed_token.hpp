// Tokens that prove by themselves that this installation has made them.
//
// A token names a run and a place in it, and carries a code over both (HMAC-SHA256), so it can be checked without
// looking anything up, and nobody without the key can make one. It also names its key by the beginning of the
// key's hash, so that several keys can be in use while one takes the place of another. The same key, run and place
// always give the same token.
//
// The text is base64url, 96 characters: a version, the key's name, the run, the place, the code. One token has one
// spelling; every other text is none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/uuid_value.hpp"
#include "net/crypto/hidden_secret.hpp"
#include "net/crypto/secret.hpp"

namespace flowctl::net {

// The process that keeps a key. The key of a session stands where no core file has it. A worker has no core file,
// but copies of its process make tokens, too, and the pages of a hidden secret are not copied.
enum class KeptBy { Worker, Session };

class TokenKey {
  public:
    TokenKey(Secret&& content, KeptBy kept_by);
    const std::string& name() const noexcept { return name_; }
    std::string_view reveal() const noexcept { return hidden_.empty() ? plain_.reveal() : hidden_.reveal(); }

  private:
    std::string name_;
    Secret plain_;
    HiddenSecret hidden_;
};

std::string seal_token(const TokenKey& key, const Uuid& run, const Uuid& place);

struct SealedToken {
    std::string key_name;
    Uuid run{};
    Uuid place{};
    std::string covered;  // the bytes that the code is over
    std::string code;
};
// nullopt: the text cannot be a token.
std::optional<SealedToken> read_token(std::string_view text);
// Whether this key has made the token. Takes the same time whatever the code is.
bool is_made_by(const SealedToken& token, const TokenKey& key);

// Whether two texts are the same, in a time that depends on their lengths only.
bool same_secret(std::string_view one, std::string_view other) noexcept;

}  // namespace flowctl::net
