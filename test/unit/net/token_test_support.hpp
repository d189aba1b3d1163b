// An issuer inside the test process, and a loop that asks it for tokens.
//
// FakeIssuer serves a discovery document, a token endpoint and a revocation endpoint on a TestServer; a test
// replaces the answer of each. Tokens have the names token-1-visible, token-2-visible and so on. TokenLoop
// holds Dispatcher and TokenSource with a clock that a test can put forward.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/client.hpp"
#include "net/http/dispatcher.hpp"
#include "net/tokens/token_source.hpp"
#include "test_server.hpp"

namespace flowctl::net::test {

using Form = std::map<std::string, std::string>;
Form read_form(std::string_view body);  // fails the test for a field that comes twice
std::string form_decode(std::string_view text);
std::string base64_decode(std::string_view text);

class FakeIssuer {
  public:
    using Handler = TestServer::Handler;

    // The issuer's identifier is the server's origin and this path.
    explicit FakeIssuer(const std::string& path = "", std::optional<TlsIdentity> tls = std::nullopt);

    Issuer issuer() const;                                       // with discovery by OIDC
    Credential credential(const std::string& scope = "") const;  // client_secret_basic
    std::string identifier() const { return server_->origin() + path_; }
    std::string url(std::string_view path) const { return server_->url(path); }
    std::string metadata() const;  // the discovery document as it is by default

    void on_discovery(Handler handler);
    void on_token(Handler handler);
    void on_revoke(Handler handler);
    void on_keys(Handler handler);
    static Reply json(const std::string& body, int status = 200);
    Reply mint(const std::string& more = R"(,"expires_in":3600)");  // a new token; `more` follows token_type

    TestServer& server() { return *server_; }
    std::size_t token_requests() const { return server_->request_count("/token"); }
    std::vector<Form> forms(std::string_view path) const;

  private:
    Reply handle(const Seen& seen);

    std::string path_;
    std::mutex mutex_;
    Handler discovery_;
    Handler token_;
    Handler revoke_;
    Handler keys_;
    int minted_ = 0;
    std::unique_ptr<TestServer> server_;
};

// How a test's clocks differ from the real ones.
struct ClockShift {
    Seconds offset{0};
    std::optional<std::chrono::steady_clock::time_point> stopped;  // the steady clock stands still at this
};

class TokenLoop {
  public:
    TokenLoop();

    // Begins to ask; the answer appears in answers under the returned number.
    std::uint64_t ask(const Credential& credential, const std::string& run = "run-1",
                      Seconds patience = Seconds(15), const std::string& egress_role = "app");
    TokenResult get(const Credential& credential, const std::string& run = "run-1",
                    Seconds patience = Seconds(15));
    TokenResult wait(std::uint64_t id);
    void end_run(const std::string& run);
    std::vector<Revocation> revocations(std::size_t count);  // waits until there are so many
    void pass(Seconds length) { shift_->offset += length; }  // puts the clocks forward
    void stop_clock() { shift_->stopped = now(); }           // only pass() moves it; no deadline is reached
    void settle();  // runs the loop until a timer set now has gone off
    std::chrono::steady_clock::time_point now() const;

    std::map<std::uint64_t, TokenResult> answers;
    std::vector<Revocation> receipts;
    Dispatcher dispatcher;
    TokenSource source;

  private:
    explicit TokenLoop(std::shared_ptr<ClockShift> shift);
    std::shared_ptr<ClockShift> shift_;
};

std::string text_of(const TokenResult& result);  // the token, or "" where there is none

}  // namespace flowctl::net::test
