// Requests to stop runs; see stops.hpp.
#include "pg/engine/stops.hpp"

#include "pg/store/controls.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kStopsAtOnce = 500;  // fewer than a turn takes

}  // namespace

// What is found is deleted by this turn or the next ones; then the others are found. A request that is found
// twice stops its run once.
bool Stops::look(Spi& spi) {
    std::vector<store::Control> found = store::find_controls(spi, shard_, shards_, kStopsAtOnce);
    for (store::Control& control : found)
        host_.queue({.run = control.run_id,
                     .event = machine::Stopped{std::move(control.error), std::move(control.cause)},
                     .load = true,
                     .from = this,
                     .ticket = control.control_id});
    return found.size() == kStopsAtOnce;
}

void Stops::write(Spi& spi, const Changes&) {
    store::delete_controls(spi, done_);
}

}  // namespace flowctl::pg
