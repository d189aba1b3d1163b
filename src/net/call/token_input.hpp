// TokenInput: the source of a token that we hand in at an issuer or send to an endpoint as it is. Such a token
// is the subject or actor of an exchange, the assertion of a grant, or somebody else's proof of who we are.
//
// There are three kinds of source: a token that is held in memory; a file that is read again at every use,
// because the platform (Kubernetes, AWS, Azure) replaces its workload token while we run; and a maker, which
// makes a token for this very use (our own issuer signs it). get() always gives the token as it is now, so
// nothing is cached here. `identity` stands for the token in the cache key of what it is exchanged for, so it
// must differ wherever the subject or the rights differ. A copy of a TokenInput is cheap and shares the token.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/crypto/secret.hpp"

namespace flowctl::net {

// Why there is no credential, where the difference matters to who asked.
enum class CredentialFault {
    Failed,
    SubjectTokenLost,     // the user's token is gone or has ended, so nothing can be exchanged for it
    InteractionRequired,  // the issuer wants the user himself (Entra: another factor, consent)
};

// What a token is asked for.
struct TokenUse {
    enum class Purpose { ClientAssertion, Subject, Actor, Bearer };
    Purpose purpose = Purpose::Subject;
    std::string audience;  // who must accept it: the issuer (as its assertion_audience says), or the endpoint
    std::string client_id;  // as which client; may be empty
    std::chrono::system_clock::time_point now;
};

struct TokenInputFault {
    std::string message;    // follows a name and a colon; holds nothing secret
    bool permanent = true;  // a retry cannot mend it
    CredentialFault fault = CredentialFault::Failed;
};
using TokenInputResult = std::variant<Secret, TokenInputFault>;
using TokenMaker = std::function<TokenInputResult(const TokenUse&)>;

class TokenInput {
  public:
    TokenInput() = default;  // none
    static TokenInput held(std::shared_ptr<const Secret> token);
    // A plain name in the directory; a symbolic link is followed, since platforms replace tokens by one.
    static TokenInput file(std::string directory, std::string name);
    static TokenInput made(std::string identity, TokenMaker maker);

    bool empty() const noexcept { return !maker_; }
    const std::string& identity() const noexcept { return identity_; }
    TokenInputResult get(const TokenUse& use) const;  // a message for an empty one

  private:
    std::string identity_;
    TokenMaker maker_;
};

}  // namespace flowctl::net
