// Implementation of token_test_support.hpp.
#include "token_test_support.hpp"

#include <openssl/evp.h>

#include <cstdlib>

namespace flowctl::net::test {
namespace {

Settings loopback() {
    Settings settings;
    settings.egress_allow = "127.0.0.0/8, ::1";
    return settings;
}

TokenClock shifted(const std::shared_ptr<ClockShift>& shift) {
    TokenClock clock;
    clock.steady = [shift] {
        return shift->stopped.value_or(std::chrono::steady_clock::now()) +
               std::chrono::duration_cast<std::chrono::steady_clock::duration>(shift->offset);
    };
    clock.system = [shift] {
        return std::chrono::system_clock::now() +
               std::chrono::duration_cast<std::chrono::system_clock::duration>(shift->offset);
    };
    return clock;
}

}  // namespace

std::string form_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
            i += 2;
        } else {
            out += text[i] == '+' ? ' ' : text[i];
        }
    }
    return out;
}

Form read_form(std::string_view body) {
    Form form;
    while (!body.empty()) {
        const std::size_t end = std::min(body.find('&'), body.size());
        const std::string_view field = body.substr(0, end);
        const std::size_t equals = std::min(field.find('='), field.size());
        const std::string name = form_decode(field.substr(0, equals));
        EXPECT_FALSE(form.contains(name)) << name << " comes twice";
        form[name] = form_decode(field.substr(std::min(equals + 1, field.size())));
        body.remove_prefix(std::min(end + 1, body.size()));
    }
    return form;
}

std::string base64_decode(std::string_view text) {
    std::string out(text.size(), '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0) return "";
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

FakeIssuer::FakeIssuer(const std::string& path, std::optional<TlsIdentity> tls) : path_(path) {
    server_ = std::make_unique<TestServer>(
        TestServer::Handler([this](const Seen& seen) { return handle(seen); }), std::move(tls));
}

Issuer FakeIssuer::issuer() const {
    Issuer out;
    out.url = identifier();
    return out;
}

Credential FakeIssuer::credential(const std::string& scope) const {
    Credential out;
    out.issuer = issuer();
    out.client.client_id = "orders";
    out.client.secret = Secret("open-sesame-57");
    out.scope = scope;
    return out;
}

std::string FakeIssuer::metadata() const {
    return R"({"issuer":")" + identifier() + R"(","token_endpoint":")" + url("/token") +
           R"(","revocation_endpoint":")" + url("/revoke") + R"(","jwks_uri":")" + url("/jwks") + R"("})";
}

void FakeIssuer::on_discovery(Handler handler) {
    const std::lock_guard lock(mutex_);
    discovery_ = std::move(handler);
}

void FakeIssuer::on_token(Handler handler) {
    const std::lock_guard lock(mutex_);
    token_ = std::move(handler);
}

void FakeIssuer::on_revoke(Handler handler) {
    const std::lock_guard lock(mutex_);
    revoke_ = std::move(handler);
}

void FakeIssuer::on_keys(Handler handler) {
    const std::lock_guard lock(mutex_);
    keys_ = std::move(handler);
}

Reply FakeIssuer::json(const std::string& body, int status) {
    return {status, body, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, "Reason"};
}

Reply FakeIssuer::mint(const std::string& more) {
    int number = 0;
    {
        const std::lock_guard lock(mutex_);
        number = ++minted_;
    }
    return json(R"({"access_token":"token-)" + std::to_string(number) + R"(-visible","token_type":"Bearer")" +
                more + "}");
}

std::vector<Form> FakeIssuer::forms(std::string_view path) const {
    std::vector<Form> out;
    for (const Seen& seen : server_->requests()) {
        if (seen.path() == path) out.push_back(read_form(seen.body));
    }
    return out;
}

Reply FakeIssuer::handle(const Seen& seen) {
    Handler handler;
    {
        const std::lock_guard lock(mutex_);
        if (seen.path() == "/token") handler = token_;
        if (seen.path() == "/revoke") handler = revoke_;
        if (seen.path() == "/jwks") handler = keys_;
        if (seen.path().find("/.well-known/") != std::string::npos) handler = discovery_;
    }
    if (handler) return handler(seen);
    if (seen.method == "GET" && seen.path() == path_ + "/.well-known/openid-configuration")
        return json(metadata());
    if (seen.method == "POST" && seen.path() == "/token") return mint();
    if (seen.method == "POST" && seen.path() == "/revoke") return {200, "", {}, "OK"};
    return {404, "nothing here", {}, "Not Found"};
}

TokenLoop::TokenLoop() : TokenLoop(std::make_shared<ClockShift>()) {}

TokenLoop::TokenLoop(std::shared_ptr<ClockShift> shift)
    : dispatcher(loopback()), source(dispatcher, shifted(shift)), shift_(std::move(shift)) {}

std::chrono::steady_clock::time_point TokenLoop::now() const {
    return shifted(shift_).steady();
}

std::uint64_t TokenLoop::ask(const Credential& credential, const std::string& run, Seconds patience,
                             const std::string& egress_role) {
    const auto deadline = now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience);
    const auto id = std::make_shared<std::uint64_t>(0);
    *id = source.get(credential, run, egress_role, deadline, [this, id](TokenResult&& result) {
        EXPECT_NE(*id, 0u) << "answered from get()";
        EXPECT_TRUE(answers.emplace(*id, std::move(result)).second) << "answered twice";
    });
    return *id;
}

TokenResult TokenLoop::wait(std::uint64_t id) {
    EXPECT_TRUE(pump_until(dispatcher, [&] { return answers.contains(id); })) << "no answer";
    return answers[id];
}

TokenResult TokenLoop::get(const Credential& credential, const std::string& run, Seconds patience) {
    return wait(ask(credential, run, patience));
}

void TokenLoop::end_run(const std::string& run) {
    source.end_run(run, [this](Revocation&& receipt) { receipts.push_back(std::move(receipt)); });
}

std::vector<Revocation> TokenLoop::revocations(std::size_t count) {
    EXPECT_TRUE(pump_until(dispatcher, [&] { return receipts.size() >= count; })) << "too few receipts";
    return receipts;
}

void TokenLoop::settle() {
    bool reached = false;
    dispatcher.after(std::chrono::milliseconds(50), [&] { reached = true; });
    EXPECT_TRUE(pump_until(dispatcher, [&] { return reached; }));
}

std::string text_of(const TokenResult& result) {
    return result.token ? std::string(result.token->access_token->reveal()) : "";
}

}  // namespace flowctl::net::test
