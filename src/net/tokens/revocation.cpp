// Implementation of revocation.hpp.
#include "net/tokens/revocation.hpp"

#include <algorithm>
#include <utility>

#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/dispatcher.hpp"
#include "net/tokens/client_auth.hpp"
#include "net/tokens/issuer_trouble.hpp"

namespace flowctl::net {
namespace {

constexpr int kMaxTries = 3;
constexpr Seconds kMaxTimeout{6};  // of one try
constexpr Seconds kPause{1};
constexpr Seconds kMaxPause{4};
constexpr std::string_view kWhat = "revocation";

std::variant<Exchange, std::string> revocation_request(const LiveToken& live, const Endpoints& endpoints,
                                                       std::chrono::system_clock::time_point now) {
    const Credential& credential = live.grant->credential;
    const std::string_view token = live.token.access_token->reveal();
    std::string form;
    form.reserve(8192 + token.size() * 3 + credential.client.secret.reveal().size() * 3);
    append_form_field(form, "token", token);
    append_form_field(form, "token_type_hint", "access_token");
    auto proof = authenticate(credential.issuer, credential.client, endpoints.token, now, std::move(form));
    if (auto* fault = std::get_if<TokenInputFault>(&proof))
        return issuer_name(credential.issuer) + ": " + fault->message;
    std::string url = authenticates_by_certificate(credential.client) ? endpoints.revocation_by_certificate()
                                                                      : endpoints.revocation;
    return form_request(credential, std::get<AuthenticatedForm>(std::move(proof)), std::move(url),
                        live.grant->egress_role, std::min(credential.issuer.timeout, kMaxTimeout));
}

}  // namespace

Revoker::~Revoker() {
    for (const auto& [id, work] : work_) {
        if (work.exchange != 0) dispatcher_.cancel(work.exchange);
        if (work.timer != 0) dispatcher_.cancel_timer(work.timer);
    }
}

void Revoker::revoke(LiveToken live, TokenSource::Revoked revoked) {
    const std::uint64_t id = next_++;
    Work& work = work_[id];
    work.live = std::move(live);
    work.revoked = std::move(revoked);
    work.timer = dispatcher_.after(std::chrono::milliseconds(0), [this, id] { begin(id); });
}

void Revoker::begin(std::uint64_t id) {
    Work& work = work_.at(id);
    work.timer = 0;
    ++work.tries;
    const auto grant = work.live.grant;
    discovery_.endpoints(grant->credential.issuer, grant->egress_role, DiscoveryCache::Need::Revocation,
                         [this, id](const DiscoveryCache::Result& result) { resolved(id, result); });
}

void Revoker::resolved(std::uint64_t id, const DiscoveryCache::Result& result) {
    Work& work = work_.at(id);
    const Credential& credential = work.live.grant->credential;
    if (const auto* trouble = std::get_if<Trouble>(&result)) return retry_or_finish(id, *trouble);
    const auto& endpoints = std::get<Endpoints>(result);
    if (endpoints.revocation.empty()) {
        return finish(id, issuer_name(credential.issuer) + " has no revocation endpoint");
    }
    auto request = revocation_request(work.live, endpoints, clock_.system());
    if (auto* fault = std::get_if<std::string>(&request)) return finish(id, *fault);
    auto& exchange = std::get<Exchange>(request);
    exchange.id = work.exchange = dispatcher_.next_id();
    dispatcher_.add(std::move(exchange), [this, id](Answer&& answer) { answered(id, std::move(answer)); });
}

void Revoker::answered(std::uint64_t id, Answer&& answer) {
    Work& work = work_.at(id);
    work.exchange = 0;
    const Credential& credential = work.live.grant->credential;
    if (answer.failure != Failure::None) {
        return retry_or_finish(id, failure_trouble(credential.issuer, kWhat, answer));
    }
    std::vector<std::string> confidential = secret_spellings(credential.client);
    confidential.emplace_back(work.live.token.access_token->reveal());
    const Refusal refusal = refusal_trouble(credential.issuer, kWhat, answer, confidential);
    for (std::string& spelling : confidential)
        wipe(spelling);
    wipe(answer.body);
    // RFC 7009 wants 200; some answer 204, and some say 200 and that they refuse.
    if ((answer.status == 200 || answer.status == 204) && refusal.code.empty())
        return finish(id, std::nullopt);
    if (refusal.code == "unsupported_token_type") {
        return finish(id, issuer_name(credential.issuer) + " cannot revoke this kind of token");
    }
    retry_or_finish(id, refusal.trouble);
}

void Revoker::retry_or_finish(std::uint64_t id, const Trouble& trouble) {
    Work& work = work_.at(id);
    const bool worth_it = trouble.remedy == Remedy::Retry || trouble.remedy == Remedy::BackOff;
    const Seconds pause =
        std::max(trouble.retry_after.value_or(kPause), kPause) * (1 + random_fraction() / 4);
    if (!worth_it || work.tries >= kMaxTries || pause > kMaxPause) return finish(id, trouble.message);
    if (clock_.steady() + pause >= work.live.ends_at) {
        return finish(id, trouble.message + "; the token ends by itself");
    }
    work.timer =
        dispatcher_.after(std::chrono::ceil<std::chrono::milliseconds>(pause), [this, id] { begin(id); });
}

void Revoker::finish(std::uint64_t id, std::optional<std::string> fault) {
    const auto node = work_.extract(id);
    Work& work = node.mapped();
    Revocation receipt;
    receipt.run = work.live.grant->run;
    receipt.fingerprint = work.live.token.info.fingerprint;
    receipt.revoked = !fault;
    receipt.message = fault.value_or("");
    receipt.at = clock_.system();
    if (work.revoked) work.revoked(std::move(receipt));
}

}  // namespace flowctl::net
