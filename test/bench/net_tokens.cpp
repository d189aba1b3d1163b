// What tokens cost: our own CPU for a step whose token is cached, and the requests that 1,000 runs of one
// issuer make.
//
// The issuer is the one of the unit tests, in this process on loopback; its thread's time is not counted,
// since CPU time is taken of this thread alone. A token serves one run, so 1,000 runs are 1,000 requests at
// the least, however many steps each has; what is looked at is that there are no more, and one request for
// the discovery document.
#include <ctime>

#include <cstdio>

#include "token_test_support.hpp"

using namespace flowctl::net;
using namespace flowctl::net::test;

namespace {

double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// A step with a cached token: the credential is made anew, as for every call, the token found, and presented.
void cached(const char* name, FakeIssuer& idp, bool dpop) {
    constexpr int kSteps = 2000;
    TokenLoop loop;
    const auto credential = [&] {
        Credential out = idp.credential("charge:write");
        out.dpop = dpop;
        return out;
    };
    const TokenResult first = loop.get(credential());
    if (!first.token) {
        std::printf("  %-28s no token: %s\n", name, first.message.c_str());
        return;
    }
    const double begun = cpu_seconds();
    for (int i = 0; i < kSteps; ++i) {
        bool answered = false;
        loop.source.get(credential(), "run-1", "app", loop.now() + std::chrono::seconds(10),
                        [&](TokenResult&& result) {
                            answered = result.token && loop.source.present(*result.token, "run-1", "app",
                                                                           "POST", "https://api.example/x");
                        });
        while (!answered)
            loop.dispatcher.run_ready();
    }
    std::printf("  %-28s %6.1f us a step\n", name, (cpu_seconds() - begun) / kSteps * 1e6);
}

void many_runs(FakeIssuer& idp) {
    constexpr int kRuns = 1000;
    constexpr int kSteps = 5;
    TokenLoop loop;
    const std::size_t before = idp.token_requests();
    const std::size_t all_before = idp.server().request_count();
    const double begun = cpu_seconds();
    int served = 0;
    std::vector<std::uint64_t> asked;
    for (int step = 0; step < kSteps; ++step) {
        asked.clear();
        for (int run = 0; run < kRuns; ++run)
            asked.push_back(
                loop.ask(idp.credential("charge:write"), "run-" + std::to_string(run), Seconds(60)));
        for (const std::uint64_t id : asked)
            served += loop.wait(id).token ? 1 : 0;
    }
    std::printf(
        "  %d runs of %d steps at once: %d tokens given, %zu token requests, %zu others, %.1f us a step\n",
        kRuns, kSteps, served, idp.token_requests() - before,
        idp.server().request_count() - all_before - (idp.token_requests() - before),
        (cpu_seconds() - begun) / (kRuns * kSteps) * 1e6);
}

}  // namespace

int main() {
    FakeIssuer idp;
    cached("cached, bearer", idp, false);
    idp.on_token([](const Seen&) {
        return FakeIssuer::json(
            R"({"access_token":"opaque-and-bound","token_type":"DPoP","expires_in":3600})");
    });
    cached("cached, DPoP with its proof", idp, true);
    idp.on_token(nullptr);
    many_runs(idp);
    return 0;
}
