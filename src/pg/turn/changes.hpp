// Changes: what one transaction of the engine does to runs, as the parts of the turn are told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.hpp"
#include "core/machine/status.hpp"
#include "pg/turn/version.hpp"

namespace flowctl::pg {

struct Changes {
    struct EndedChild {
        Uuid id{};
        ChildOf child;
        machine::Status status = machine::Status::Failed;
    };

    // A run that has ended as FAILED or TIMED_OUT and is no child of a map run, with its input, which its flow may not
    // keep. It is absent if the run could not be loaded; then its row has it.
    struct Failed {
        Uuid id{};
        std::optional<json::Value> input = std::nullopt;
    };

    // A run that has ended and that another run may wait for, with its payloads, which its flow may not keep. They
    // are absent if the run could not be loaded.
    struct AwaitableEnded {
        Uuid id{};
        std::optional<json::Value> input = std::nullopt;
        std::optional<json::Value> output = std::nullopt;
    };

    // One item is tried by itself, since the transaction with all of them has failed. What is no run's
    // business is left for later.
    bool alone = false;
    std::vector<Uuid> ended;                                   // runs
    std::vector<Uuid> reopened;                                // runs that had ended and are redriven
    // Runs that have paused by themselves (on_exhausted), and why.
    std::vector<std::pair<Uuid, std::string>> exhausted;
    std::vector<std::pair<Uuid, std::int64_t>> dropped_calls;  // run and call: nobody waits for them any more
    std::vector<Failed> failed;
    // Calls of those that wait for an answer from outside.
    struct DroppedWait {
        Uuid run{};
        std::string place;    // machine::Call::place
        bool silent = false;  // because no heartbeat has come
    };
    std::vector<DroppedWait> dropped_waits;
    // Of `ended`, runs that have ended without the machine, so that nobody has said what they give up.
    std::vector<Uuid> cut_short;
    std::vector<AwaitableEnded> awaitable_ended;
    std::vector<ChildOf> children_begun;
    std::vector<EndedChild> children_ended;
    std::vector<std::pair<Uuid, Uuid>>
        children_gone;      // child and map run: it had ended before this transaction
    std::size_t bytes = 0;  // of payloads that are written; a turn is bounded by them

    void end_child(const Uuid& id, const ChildOf& child, machine::Status status) {
        children_ended.push_back({id, child, status});
    }
};

}  // namespace flowctl::pg
