// Reading limits. See flow_terms.hpp.
#include "pg/limits/flow_terms.hpp"

#include "pg/server/catalog_watch.hpp"
#include "pg/store/known_options.hpp"

namespace flowctl::pg::limits {

namespace {

constexpr std::size_t kMostFlows = 10'000;

Statement flow_sql(R"(
    SELECT f.name, EXISTS (SELECT FROM flowctl_catalog.pause p WHERE p.kind = 'flow' AND p.name = f.name)
    FROM flowctl_catalog.flow f WHERE f.flow_id = $1)",
                   {UUIDOID});
Statement limit_sql("SELECT slots, rate, burst FROM flowctl_catalog.named_limit WHERE name = $1", {TEXTOID});

std::optional<gates::Bucket> bucket_of(const std::optional<std::string>& rate, std::int64_t burst) {
    const auto parsed = rate ? gates::parse_rate(*rate) : std::nullopt;
    if (!parsed) return std::nullopt;
    return gates::Bucket(*parsed, burst);
}

// A limit that was dropped with force, or has not been restored yet, lets everything through.
gates::Terms read_limit(Spi& spi, const std::string& name) {
    gates::Terms terms;
    const Rows rows = spi.run(limit_sql, std::move(Params().text(name)));
    if (rows.size() == 0) return terms;
    if (!rows.is_null(0, 0)) terms.slots = rows.int8(0, 0);
    terms.rate = bucket_of(rows.optional_text(0, 1), rows.is_null(0, 2) ? 1 : rows.int8(0, 2));
    return terms;
}

}  // namespace

bool KnownTerms::changed() {
    const std::uint64_t now = catalog_watch::generation();
    if (now == generation_) return false;
    generation_ = now;
    flows_.clear();
    return true;
}

const FlowTerms& KnownTerms::of(Spi& spi, const Uuid& flow_id) {
    if (flows_.size() >= kMostFlows) flows_.clear();
    const auto [found, is_new] = flows_.try_emplace(flow_id);
    FlowTerms& terms = found->second;
    if (!is_new && terms.options) return terms;
    terms = {};
    const Rows rows = spi.run(flow_sql, std::move(Params().uuid(flow_id)));
    if (rows.size() > 0) {
        terms.name = rows.text(0, 0);
        terms.paused = rows.boolean(0, 1);
    }
    const auto options = store::options_of_flow(spi, flow_id);
    for (const std::string& name : options->limits.named)
        terms.named.emplace_back(name, read_limit(spi, name));
    terms.options = options;
    return terms;
}

std::vector<NamedGate> gates_of(const FlowTerms& terms, const store::WaitRow& run) {
    std::vector<NamedGate> all;
    NamedGate& flow = all.emplace_back();
    flow.id = gates::flow_gate(run.flow_id);
    flow.terms.closed = terms.paused;
    const FlowOptions::Limits& limits = terms.limits();
    if (limits.max_concurrency) {
        NamedGate& gate = all.emplace_back();
        gate.id = gates::concurrency_gate(run.flow_id, run.concurrency_key);
        gate.terms.slots = limits.max_concurrency;
        gate.key = run.concurrency_key;
    }
    if (limits.rate) {
        NamedGate& gate = all.emplace_back();
        gate.id = gates::rate_gate(run.flow_id, run.rate_key);
        gate.terms.rate = gates::Bucket(*limits.rate, limits.burst);
        gate.key = run.rate_key;
    }
    for (const auto& [name, limit] : terms.named)
        all.push_back({gates::named_gate(name), limit, name, std::nullopt});
    return all;
}

}  // namespace flowctl::pg::limits
