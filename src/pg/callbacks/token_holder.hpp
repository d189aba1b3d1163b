// Task tokens as sessions bring them, and as sessions that fetch tasks get them.
//
// A token is genuine if one of the keys has made it, or if its hash stands in the row of its task: so a token
// goes on to be good when its key has been replaced, or after a failover to a server that never had it.
#pragma once

#include <optional>
#include <string>

#include "base/wipe.hpp"
#include "pg/callbacks/token_keys.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg {

// A token in a session's memory, for as long as it is needed.
class GivenToken {
  public:
    // Raises InvalidToken where the text cannot be a token, or was not made by any key that is known. The text of
    // the statement, as other sessions and the log see it, shows "<token>" in its place from now on.
    explicit GivenToken(std::string&& text);
    GivenToken(const GivenToken&) = delete;
    GivenToken& operator=(const GivenToken&) = delete;
    ~GivenToken() { wipe(text_); }

    const Uuid& run() const noexcept { return parts_.run; }
    const Uuid& place() const noexcept { return parts_.place; }
    const Uuid& wait_id() const noexcept { return wait_id_; }
    // False: no key that is known is the token's, so its hash has to be that of its task's row.
    bool is_genuine() const noexcept { return genuine_; }
    std::string hash() const;
    std::string_view reveal() const noexcept { return text_; }

  private:
    std::string text_;
    net::SealedToken parts_;
    Uuid wait_id_{};
    bool genuine_ = false;
};

[[noreturn]] void invalid_token();

// The token of a task that is handed to a session.
std::string token_for(const Uuid& run, const Uuid& place);

}  // namespace flowctl::pg
