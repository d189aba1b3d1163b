// SQL function redact: destroys what a run holds, and leaves its shape.
//
// A redaction reaches everything in the database that belongs to the run, and to the runs that it started:
// the children of its map runs, and runs of child flows whose flow the caller may redact, too. It is done as
// a whole or not at all, in the caller's transaction. So it needs all of these runs to have ended, and none of
// them to be held. There may be a million children: their ids are kept in memory, and their rows are changed
// some hundreds at a time.
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.hpp"
#include "pg/records/kept_run.hpp"
#include "pg/records/markers.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/holds.hpp"

namespace flowctl::pg::records {

namespace {

constexpr std::size_t kRunsAtATime = 500;

// The run and what it started; each run stands behind the one that started it.
struct Family {
    struct Member {
        Uuid run_id{};
        std::size_t version = 0;  // among `versions`
    };
    using Version = std::pair<Uuid, std::int32_t>;  // of which flow

    std::vector<Member> members;    // without those that are redacted already
    std::vector<Version> versions;  // few: runs of one map have the same
    std::string obstacle;           // why it cannot be redacted; empty if nothing is in the way
    std::string left_out;           // a run of somebody else's flow; empty if there is none

    void add(const store::RecordedRun& run) {
        const Version version(run.flow_id, run.version);
        const auto found = std::find(versions.rbegin(), versions.rend(), version);
        std::size_t place = versions.size();
        if (found == versions.rend())
            versions.push_back(version);
        else
            place = static_cast<std::size_t>(versions.rend() - found) - 1;
        members.push_back({run.run_id, place});
    }
    std::vector<Uuid> ids(std::size_t from, std::size_t to) const {
        std::vector<Uuid> some;
        for (std::size_t i = from; i < std::min(to, members.size()); i++)
            some.push_back(members[i].run_id);
        return some;
    }
};

void add_child(Family& family, const store::RecordedRun& child) {
    guarded([] { CHECK_FOR_INTERRUPTS(); });
    if (is_open(child.status))
        family.obstacle = "run " + to_string(child.run_id) + ", a child of the run, is open";
    else if (!child.redacted)
        family.add(child);
}

Family gather(Spi& spi, const store::RecordedRun& run, Oid user) {
    Family family;
    family.add(run);
    for (std::size_t done = 0; done < family.members.size() && family.obstacle.empty();) {
        // The family grows meanwhile.
        const std::vector<Uuid> parents = family.ids(done, done + kRunsAtATime);
        done += parents.size();
        if (store::has_open_map_run(spi, parents)) family.obstacle = "a map run of the run is not over yet";
        store::each_map_child(spi, parents, [&](const store::RecordedRun& child) {
            add_child(family, child);
            return family.obstacle.empty();
        });
        for (const store::RecordedRun& child : store::find_child_flows(spi, parents)) {
            if (!may_keep(user, child)) {
                family.left_out = "run " + to_string(child.run_id) + " of flow \"" + child.flow + "\"";
                continue;
            }
            add_child(family, child);
        }
    }
    return family;
}

// A hold on the run, its flow, a run that started it, or a run that it started.
std::optional<store::Hold> find_hold(Spi& spi, const store::RecordedRun& run, const Family& family) {
    std::set<Uuid> flows;
    for (const Family::Version& version : family.versions)
        flows.insert(version.first);
    for (const Uuid& flow : flows)
        store::bar_holds_of(flow);
    std::vector<Uuid> ids = family.ids(0, family.members.size());
    std::optional<Uuid> parent = run.parent_run_id;
    while (parent) {
        ids.push_back(*parent);
        const auto of_parent = store::find_recorded(spi, *parent);
        if (of_parent && !flows.contains(of_parent->flow_id)) store::bar_holds_of(of_parent->flow_id);
        parent = of_parent ? of_parent->parent_run_id : std::nullopt;
    }
    return store::find_hold(spi, ids, std::vector<Uuid>(flows.begin(), flows.end()));
}

using Definition = std::shared_ptr<const std::string>;

void redact(Spi& spi, const Family& family, std::size_t from, const std::vector<Definition>& definitions) {
    std::map<Uuid, Redacting::OfRun> runs;
    const std::vector<Uuid> ids = family.ids(from, from + kRunsAtATime);
    // A run that has been redriven since it was looked at is not touched: its worker has it now.
    if (!store::lock_ended(spi, ids))
        throw UserError(ERRCODE_OBJECT_IN_USE, "another transaction is changing a child of the run",
                        "Nothing has been redacted. Try again.");
    for (std::size_t i = 0; i < ids.size(); i++)
        runs[ids[i]] = {random_salt(), definitions[family.members[from + i].version]};
    // A run whose hashes are sealed has a salt already, and the markers must show the same hashes.
    for (const store::Salt& salt : store::take_salts(spi, ids))
        if (auto bytes = base64_decode(salt.bytes)) runs[salt.run_id].salt = std::move(*bytes);
    const Redacting redacting(std::move(runs));
    store::redact_runs(spi, ids);
}

// `done`, or why it is not.
std::string redact_run(Spi& spi, const Uuid& id, Oid user, std::string reason) {
    store::RecordedRun run = get_kept_run(spi, id, user, "redact");
    if (is_open(run.status)) return "the run is open: stop it with flowctl.stop(), or wait for its end";
    // A lock of a run that a redrive has opened meanwhile would hold up its worker.
    const auto locked = store::lock_recorded(spi, id);
    if (!locked) return "another transaction is changing the run: try again";
    run = *locked;
    if (run.redacted) return "the run is redacted already";
    const Family family = gather(spi, run, user);
    if (!family.obstacle.empty()) return family.obstacle;
    if (const auto hold = find_hold(spi, run, family))
        return std::string(hold->of_flow ? "its flow is held: " : "the run is held: ") + hold->reason;
    std::vector<Definition> definitions;
    for (const Family::Version& of : family.versions) {
        const auto version = store::find_version(spi, of.first, of.second);
        definitions.push_back(std::make_shared<const std::string>(version ? version->definition : ""));
    }
    for (std::size_t done = 0; done < family.members.size(); done += kRunsAtATime) {
        redact(spi, family, done, definitions);
        guarded([] { CHECK_FOR_INTERRUPTS(); });
    }
    const auto count = static_cast<std::int64_t>(family.members.size());
    store::insert_redaction(spi, {run, std::move(reason), user, count});
    return family.left_out.empty() ? "done" : "done, but " + family.left_out + " is left to the flow's owner";
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_redact) {
    require_writable("redact a run");
    const Uuid id = run_id_argument(fcinfo);
    std::string reason = reason_argument(fcinfo, 1);
    const Oid user = GetUserId();
    std::string answer;
    {
        const AsExtensionOwner owner;
        Spi spi;
        answer = redact_run(spi, id, user, std::move(reason));
    }
    return to_text(answer);
}

}  // namespace flowctl::pg::records
