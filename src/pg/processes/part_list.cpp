// The list of the parts of a worker's turn: a capability that has something to do in the turn has its row
// here.
//
// The parts are asked in this order. It matters where two of them write rows of the same run; no two do.
#include "pg/processes/part_list.hpp"

#include <utility>

#include "pg/engine/requests_part.hpp"
#include "pg/engine/revocations.hpp"
#include "pg/events/event_part.hpp"
#include "pg/failure_flows/failure_part.hpp"
#include "pg/identity/key_sets.hpp"
#include "pg/leases/open_leases.hpp"
#include "pg/limits/limits_part.hpp"
#include "pg/map_runs/map_part.hpp"
#include "pg/resources/performers.hpp"
#include "pg/schedules/schedule_part.hpp"

namespace flowctl::pg {

std::unique_ptr<Engine> make_engine(const shmem::Claim& claim, net::Client& client) {
    auto leases = std::make_unique<Leases>(claim.shard, claim.shards);
    auto engine = std::make_unique<Engine>(claim, client);
    State& state = engine->state();
    auto waits = std::make_unique<Waits>(claim, state);
    for (MadePerformer& performer : make_performers({claim, state, client, *leases, *waits}))
        engine->add(std::move(performer));
    engine->add(std::move(waits));
    engine->add(std::make_unique<RequestsPart>(claim, state));
    engine->add(std::make_unique<Limits>(claim, state));
    engine->add(std::make_unique<MapPart>(claim, state, *leases));
    engine->add(std::make_unique<FailurePart>());
    engine->add(std::make_unique<SchedulePart>(claim, state));
    engine->add(std::make_unique<EventPart>(claim, state));
    engine->add(std::make_unique<Revocations>(client, state));
    engine->add(std::make_unique<key_sets::Fetcher>(state));
    engine->add(std::move(leases));
    return engine;
}

}  // namespace flowctl::pg
