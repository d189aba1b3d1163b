// RefreshFile: a refresh token that its issuer replaces at every use (RFC 6749 §6, RFC 9700 §4.14).
//
// An issuer that sees a used refresh token again takes it for stolen and ends all its descendants. So a worker
// that wants to use the token first takes the file alone, by a lock on a file beside it, and reads it. It puts the
// next token in its place before it does anything else with the answer: the token is written to a new file,
// flushed, and renamed over the old one, so that a crash leaves one of the two and never half of one.
//
// The directory is flowctl.secrets_dir; the server's user must be able to write to it.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "net/call/credential.hpp"
#include "net/crypto/secret.hpp"

namespace flowctl::net {

class RefreshFile {
  public:
    struct Busy {};  // somebody else has taken it
    // The alternative to both is what is wrong with the file.
    static std::variant<RefreshFile, Busy, std::string> take(const SecretFile& file);

    RefreshFile(RefreshFile&& other) noexcept;
    RefreshFile& operator=(RefreshFile&&) = delete;
    RefreshFile(const RefreshFile&) = delete;
    RefreshFile& operator=(const RefreshFile&) = delete;
    ~RefreshFile();  // gives it back

    const Secret& token() const noexcept { return token_; }
    // Puts another token in its place; what was wrong, or nothing.
    std::optional<std::string> replace(const Secret& token);

  private:
    RefreshFile(const SecretFile& file, int lock) : file_(file), lock_(lock) {}

    SecretFile file_;
    int lock_;
    Secret token_;
};

}  // namespace flowctl::net
