// Tasks that are calls over HTTP, in the worker.
//
// What a call needs is looked up in the turn's transaction, together with the intent that flowctl_catalog.call records
// (http_task.hpp). After the commit the database leases are made that such calls carry; then the requests
// leave. A call with the suffix .waitForTaskToken hands its token over; from its answer on, its run waits for an
// answer to the token (callbacks/waits.hpp). A call whose lease cannot be made does not leave, and fails as if an answer had come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/client.hpp"
#include "pg/callbacks/waits.hpp"
#include "pg/leases/open_leases.hpp"
#include "pg/tasks/http_task.hpp"
#include "pg/tasks/performer.hpp"
#include "pg/turn/host.hpp"

namespace flowctl::pg {

class HttpPerformer final : public Performer {
  public:
    HttpPerformer(Host& host, net::Client& client, Leases& leases, Waits& waits)
        : host_(host), client_(client), leases_(leases), waits_(waits) {}

    Lanes lanes_of(const RunFacts& run, const machine::Call& call) const override {
        return http_task::lanes_of_task(run, call);
    }
    std::optional<Refusal> prepare(Spi& spi, const RunFacts& run, const machine::Call& call,
                                   const Attempt& attempt) override;
    void withdraw(const Uuid& run, std::int64_t call) override;

    void begin() override;
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;
    void answered(net::Response&& response) override;

  private:
    using CallKey = std::pair<Uuid, std::int64_t>;  // run and call
    using UnderWay = std::map<CallKey, std::uint64_t>;

    void cancel(UnderWay::iterator call);
    static void heed(const std::string& endpoint, const net::Response& response);
    void hand_back(const http_task::Pending& pending, machine::Event&& event, store::CallOutcome&& outcome);
    void grant_leases();
    void fail(const http_task::Prepared& call, const std::string& error, const std::string& cause);
    void send(http_task::Prepared&& call);

    Host& host_;
    net::Client& client_;
    Leases& leases_;
    Waits& waits_;
    std::vector<http_task::Prepared> staged_;
    http_task::Lookups lookups_;                                     // of this transaction
    UnderWay under_way_;                                             // request ids
    std::unordered_map<std::uint64_t, http_task::Pending> pending_;  // by request id
};

}  // namespace flowctl::pg
