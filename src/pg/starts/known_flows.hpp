// The flows that this session has started, and by whose right: looking one up takes as long as writing its
// run, so what was found is kept as long as it holds (catalog_watch).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pg/server/catalog_watch.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/flows.hpp"

namespace flowctl::pg {

class KnownFlows {
  public:
    // What has been kept and still holds, or null. A pointer until the next add().
    const store::AliasedFlow* find(const StartRequest& request) {
        forget_if_changed();
        for (const Known& known : known_)
            if (known.text == request.flow && known.right_of == request.must_may_start) return &known.flow;
        return nullptr;
    }
    // `flow` was looked up behind a find().
    void add(const StartRequest& request, const store::AliasedFlow& flow) {
        const Seen before = seen_;
        forget_if_changed();
        if (seen_ != before) return;
        if (known_.size() == kMost) known_.clear();
        known_.push_back({request.flow, request.must_may_start, flow});
    }

  private:
    static constexpr std::size_t kMost = 32;
    struct Known {
        std::string text;
        Oid right_of;
        store::AliasedFlow flow;
    };
    struct Seen {
        std::uint64_t generation = 0;
        // A transaction that sees the flows as they were when it began keeps what it finds for itself.
        LocalTransactionId transaction = InvalidLocalTransactionId;
        bool operator==(const Seen&) const = default;
    };
    void forget_if_changed() {
        const Seen now{catalog_watch::generation(),
                       IsolationUsesXactSnapshot() ? local_transaction() : InvalidLocalTransactionId};
        if (now == seen_) return;
        known_.clear();
        seen_ = now;
    }
    std::vector<Known> known_;
    Seen seen_;
};

}  // namespace flowctl::pg
