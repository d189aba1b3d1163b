// What goes wrong at an issuer: what it means for us, and how it is told without telling a secret.
//
// Issuers answer in many ways: OAuth's {error, error_description}, other JSON, HTML, nothing. Each becomes a
// Trouble with one of four remedies. Text of theirs is quoted only through quote_foreign: control characters
// and bytes beyond ASCII go, then what the caller names confidential, then everything long enough to be a
// token, and only then is the rest cut to its length, so that no piece of a secret survives at the cut.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/call/credential.hpp"

namespace flowctl::net {

struct Answer;

enum class Remedy {
    None,     // permanent: someone must change something
    Later,    // not now and not by repeating this request; the next call may have more luck
    Retry,    // transient: the same request again
    BackOff,  // the issuer asks for a pause
};

struct Trouble {
    std::string message;
    Remedy remedy = Remedy::None;
    std::optional<Seconds> retry_after;
    CredentialFault fault = CredentialFault::Failed;
    bool no_answer = false;  // below HTTP, or a server that says of itself that it does not work
};

// Words for a message; `confidential` holds every spelling of the secrets that were sent.
std::string quote_foreign(std::string_view text, const std::vector<std::string>& confidential,
                          std::size_t max);

// "issuer https://idp.example": how every message begins.
std::string issuer_name(const Issuer& issuer);

// An exchange that brought no HTTP answer. `what` is the request: "token request".
Trouble failure_trouble(const Issuer& issuer, std::string_view what, const Answer& answer);

// An HTTP answer other than success, whatever its body. The error code is passed out for callers that know
// more.
struct Refusal {
    Trouble trouble;
    std::string code;  // OAuth's "error" as sent, empty where there is none
};
Refusal refusal_trouble(const Issuer& issuer, std::string_view what, const Answer& answer,
                        const std::vector<std::string>& confidential);

}  // namespace flowctl::net
