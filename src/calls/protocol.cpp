// The rule that all protocols share: when to ask again after a failed question about followed work.
#include "calls/protocol.hpp"

#include "calls/http_answer.hpp"

namespace flowctl::calls {

namespace {

constexpr std::int64_t kMostFailures = 10;      // of questions about the work, in a row
constexpr std::size_t kMaxCauseBytes = 32'768;  // AWS's limit

// The work goes on even if an answer about it does not come. So a question that failed for a reason that may
// pass is asked again, and the failure is counted in `follow`. nullopt when asking again makes no sense, or
// after too many failures.
std::optional<json::Value> after_failure(const json::Value& follow, const net::Response& response) {
    using net::Failure;
    const bool unreachable = is_of_the_network(response.failure) ||
                             (response.failure == Failure::Credential && !response.credential_permanent);
    const bool busy =
        response.status == 408 || response.status == 425 || response.status == 429 || response.status >= 500;
    if (!unreachable && !busy) return std::nullopt;
    const json::Value* counted = follow.find("failures");
    const std::int64_t failures =
        counted != nullptr && counted->is_number() ? counted->as_integer().value_or(0) : 0;
    if (failures + 1 >= kMostFailures) return std::nullopt;
    return json::with_member(follow, "failures", json::Value::integer(failures + 1));
}

Refusal bounded(Refusal refusal) {
    refusal.cause = shortened(storable(refusal.cause), kMaxCauseBytes);
    return refusal;
}

}  // namespace

std::optional<Progress> Protocol::progress(const json::Value&, const json::Value&) const {
    return std::nullopt;
}

std::vector<std::string> Protocol::targets(const asl::Resource&, const json::Value&) const {
    return {};
}

Meaning meaning_of(const Protocol& protocol, const json::Value& follow, const net::Response& response,
                   std::string_view endpoint) {
    TaskResult result = protocol.result(response, endpoint);
    if (auto* refusal = std::get_if<Refusal>(&result)) {
        std::string error = refusal->error;
        if (!follow.is_null())
            if (auto again = after_failure(follow, response))
                return {Continues{*std::move(again), {}}, std::move(error)};
        return {bounded(std::move(*refusal)), std::move(error)};
    }
    auto progress = protocol.progress(follow, std::get<json::Value>(result));
    if (!progress) return {std::get<json::Value>(std::move(result)), {}};
    if (auto* continues = std::get_if<Continues>(&*progress)) return {std::move(*continues), {}};
    if (auto* done = std::get_if<Done>(&*progress)) return {std::move(done->output), {}};
    Refusal& failed = std::get<Refusal>(*progress);
    std::string error = failed.error;
    return {bounded(std::move(failed)), std::move(error)};
}

}  // namespace flowctl::calls
