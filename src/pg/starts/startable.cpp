// Implementation of startable.hpp.
#include "pg/starts/startable.hpp"

#include "core/asl/flow_name.hpp"
#include "pg/rights/denials.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/quoting.hpp"
#include "pg/starts/known_flows.hpp"

extern "C" {
#include "common/hashfn.h"
}

namespace flowctl::pg {

namespace {

// 'name', 'name:version' or 'name:alias'.
struct Target {
    std::string name;
    std::optional<std::int32_t> version;
    std::optional<std::string> alias;
};

Target parse_target(const std::string& text) {
    const asl::FlowReference reference = asl::parse_flow_reference(text);
    Target target{std::string(reference.name), std::nullopt, std::nullopt};
    if (!asl::is_flow_name(target.name))
        throw UserError(
            ERRCODE_INVALID_NAME, in_quotes(shortened_name(text)) + " is not the name of a flow",
            "Names of flows have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -; a version or an alias "
            "follows after a colon, as in 'fulfil:3' or 'fulfil:live'.");
    if (!reference.qualifier) return target;
    target.version = reference.version();
    const bool is_number = reference.qualifier->find_first_not_of("0123456789") == std::string_view::npos;
    if (!target.version && (is_number || !reference.is_well_formed()))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        in_quotes(shortened_name(*reference.qualifier)) +
                            " is not a version or alias of flow " + in_quotes(target.name),
                        "Versions are whole numbers from 1, as in 'fulfil:3', and aliases are names, as in "
                        "'fulfil:live'; without one of them, the newest version is started.");
    if (!target.version) target.alias = std::string(*reference.qualifier);
    return target;
}

std::optional<store::AliasedFlow> find_target(Spi& spi, const Target& target) {
    if (target.alias) return store::find_aliased(spi, target.name, *target.alias);
    auto flow = store::find_flow(spi, target.name, target.version);
    if (!flow) return std::nullopt;
    return store::AliasedFlow{std::move(*flow), std::nullopt, 0};
}

// Which of the two, by the name or else the id of the run.
const store::FlowRow& choose(const store::AliasedFlow& flow, const StartRequest& request, const Uuid& run_id) {
    if (!flow.second) return flow.first;
    const std::uint64_t hash =
        request.name ? hash_bytes_extended(reinterpret_cast<const unsigned char*>(request.name->data()),
                                           static_cast<int>(request.name->size()), 0)
                     : hash_bytes_extended(run_id.data(), static_cast<int>(run_id.size()), 0);
    return hash % 100 < static_cast<std::uint64_t>(flow.second_weight) ? *flow.second : flow.first;
}

KnownFlows known_flows;

// Raises what is in the way of a start; `found` says whether there is a flow of this name.
[[noreturn]] void deny_start(const StartRequest& request, const std::string& name, bool found) {
    const std::string right_of = in_quotes(role_name(request.must_may_start));
    std::string holder = "role " + right_of;
    if (request.table != nullptr) holder = std::string("owner of table \"") + request.table + "\", " + right_of + ",";
    if (request.rule != nullptr) holder = std::string("owner of event rule \"") + request.rule + "\", " + right_of + ",";
    if (!request.only_looks && (found || !sees_all(request.starter)))
        denials::report(request.starter, "start", name, holder + " may start no flow of this name");
    refuse_start(name, found, request.starter, request.must_may_start, holder);
}

[[noreturn]] void refuse_missing(const Target& target) {
    if (target.alias)
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "flow " + in_quotes(target.name) + " has no alias " + in_quotes(*target.alias) +
                            " that leads to a version",
                        "The view flowctl.aliases lists them.");
    throw UserError(ERRCODE_UNDEFINED_OBJECT,
                    "flow " + in_quotes(target.name) + " has no version" +
                        (target.version ? " " + std::to_string(*target.version) : ""),
                    "The view flowctl.flow_versions lists them.");
}

}  // namespace

store::FlowRow find_startable(const StartRequest& request, const Uuid& run_id) {
    if (const store::AliasedFlow* known = known_flows.find(request)) return choose(*known, request, run_id);
    const AsExtensionOwner owner;
    Spi spi;
    const Target target = parse_target(request.flow);
    const std::optional<store::AliasedFlow> flow = find_target(spi, target);
    if (!flow) {
        // Who may start the flow is told that it is the version or alias that is not there.
        const auto without = find_flow_by_name(spi, target.name, FlowLock::None);
        if (!without || !may_start(without->flow_id, without->owner, request.must_may_start))
            deny_start(request, target.name, without.has_value());
        refuse_missing(target);
    }
    if (!may_start(flow->first.flow_id, flow->first.owner, request.must_may_start))
        deny_start(request, target.name, true);
    require_owned(flow->first.name, flow->first.owner);
    known_flows.add(request, *flow);
    return choose(*flow, request, run_id);
}

std::optional<store::FlowRow> find_if_startable(Spi& spi, const StartRequest& request, const Uuid& run_id) {
    const std::optional<store::AliasedFlow> flow = find_target(spi, parse_target(request.flow));
    if (!flow || !may_start(flow->first.flow_id, flow->first.owner, request.must_may_start))
        return std::nullopt;
    return choose(*flow, request, run_id);
}

}  // namespace flowctl::pg
