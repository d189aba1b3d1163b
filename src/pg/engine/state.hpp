// State: what the engine remembers from turn to turn.
//
// The turn, its sweeps and its parts share it. All of it can be made again from the tables: a worker that
// starts begins with an empty one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/client.hpp"
#include "pg/engine/calls.hpp"
#include "pg/engine/deferred.hpp"
#include "pg/engine/evaluations.hpp"
#include "pg/engine/intake.hpp"
#include "pg/engine/live_runs.hpp"
#include "pg/engine/versions.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

// After a failure of the server, not of a run, the engine waits for a moment.
class Pause {
  public:
    void begin() {
        trouble_ = true;
        until_ = unix_micros_now() + kMicros;
    }
    bool holds() {
        const machine::Instant now = unix_micros_now();
        until_ = std::min(until_, now + kMicros);  // the clock may have been set back
        return now < until_;
    }
    machine::Instant until() const { return until_; }
    // True once after it has begun.
    bool take_trouble() { return std::exchange(trouble_, false); }

  private:
    static constexpr std::int64_t kMicros = 1'000'000;
    machine::Instant until_ = 0;
    bool trouble_ = false;
};

struct State final : Host {
    explicit State(net::Client& client) : calls(client, live) {}

    LiveRuns live;
    Intake intake{live};
    Evaluations evaluations{live, intake};
    Versions versions;
    Calls calls;
    Pause pausing;
    Deferred deferred;
    std::vector<std::unique_ptr<Part>> parts;

    // What a child runs, and the part that carries it. Null: what it belongs to is over.
    std::pair<std::shared_ptr<const CompiledVersion>, const Part*> version_of_child(
        const ChildOf& child) const {
        for (const auto& part : parts)
            if (auto version = part->version_of_child(child)) return {std::move(version), part.get()};
        return {nullptr, nullptr};
    }

    // The run leaves memory until something happens to it.
    void park(LiveRun& run) {
        calls.hold(run);
        live.park(run);
    }

    void queue(Item&& item) override { intake.push(std::move(item)); }
    void pause() override { pausing.begin(); }
    std::uint64_t send(net::Request&& request, Part& from, Lanes lanes) override {
        return calls.send(std::move(request), from, std::move(lanes));
    }
    void cancel(std::uint64_t request) override { calls.cancel(request); }
    void pause_lanes(std::set<Lane> lanes) override { calls.pause(std::move(lanes)); }
    void give_quotas(std::map<std::string, std::int64_t> quotas) override { calls.give_quotas(std::move(quotas)); }
    bool has_room(const Lanes& lanes) const override { return calls.has_room(lanes); }
};

}  // namespace flowctl::pg
