// Implementation of known_options.hpp.
#include "pg/store/known_options.hpp"

#include <map>

#include "pg/server/catalog_watch.hpp"

namespace flowctl::pg::store {

namespace {

Statement flow_options_sql("SELECT options::text FROM flowctl_catalog.flow WHERE flow_id = $1", {UUIDOID});

constexpr std::size_t kMostKnownOptions = 1'000;  // flows

std::map<Uuid, std::shared_ptr<const FlowOptions>> known_options;
std::uint64_t known_generation = 0;

}  // namespace

std::shared_ptr<const FlowOptions> options_of_flow(Spi& spi, const Uuid& flow_id) {
    // A transaction that sees the tables as they were when it began keeps nothing.
    const bool may_keep = !IsolationUsesXactSnapshot();
    const std::uint64_t generation = catalog_watch::generation();
    if (generation != known_generation || known_options.size() >= kMostKnownOptions) known_options.clear();
    known_generation = generation;
    if (const auto found = known_options.find(flow_id); may_keep && found != known_options.end())
        return found->second;
    const Rows rows = spi.run(flow_options_sql, std::move(Params().uuid(flow_id)));
    auto options = std::make_shared<const FlowOptions>(
        rows.size() == 0 ? FlowOptions() : read_flow_options(rows.text(0, 0)));
    if (may_keep && catalog_watch::generation() == generation) known_options.emplace(flow_id, options);
    return options;
}

}  // namespace flowctl::pg::store
