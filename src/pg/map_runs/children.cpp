// Rows of children; see children.hpp.
#include "pg/map_runs/children.hpp"

#include "core/json.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/store/run_id.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace flowctl::pg {

bool MapChildren::add(std::vector<map_run::Child> children) {
    for (map_run::Child& child : children) {
        store::NewChild& row = rows_.emplace_back();
        row.run_id = new_run_id();
        row.run_id.back() = parent_.back();
        row.index = child.index;
        row.items = static_cast<std::int32_t>(child.items);
        row.input = json::dump(child.input);
        bytes_ += row.input.size();
        children_++;
        items_ += child.items;
    }
    return rows_.size() >= kRows || bytes_ >= kBytes;
}

void MapChildren::write(Spi& spi) {
    store::insert_children(spi, map_run_, parent_, type_, rows_);
    rows_.clear();
    bytes_ = 0;
}

std::unique_ptr<map_run::Batcher> make_batcher(const asl::Flow& whole, const machine::MapRunPlan& plan,
                                               const map_run::Made& made) {
    const asl::State* map = map_run::find_map(whole, plan.state);
    if (map == nullptr) throw std::logic_error("a map run whose state is not in its flow");
    return std::make_unique<map_run::Batcher>(*map, plan, machine_limits(), made);
}

machine::Now fresh_now() {
    return {unix_micros_now(), pg_prng_uint64(&pg_global_prng_state)};
}

}  // namespace flowctl::pg
