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
#include <string>
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
    std::vector<Uuid> ids;  // without those that are redacted already
    std::string obstacle;   // why it cannot be redacted; empty if nothing is in the way
};

Family gather(Spi& spi, const store::RecordedRun& run) {
    Family family{{run.run_id}, {}};
    for (std::size_t done = 0; done < family.ids.size() && family.obstacle.empty();) {
        const std::size_t end = std::min(done + kRunsAtATime, family.ids.size());
        const std::vector<Uuid> parents(family.ids.begin() + static_cast<std::ptrdiff_t>(done),
                                        family.ids.begin() + static_cast<std::ptrdiff_t>(end));
        done = end;
        if (store::has_open_map_run(spi, parents)) family.obstacle = "a map run of the run is not over yet";
        store::each_map_child(spi, parents, [&](const store::RecordedRun& child) {
            if (is_open(child.status))
                family.obstacle = "run " + to_string(child.run_id) + ", a child of the run, is open";
            else if (!child.redacted)
                family.ids.push_back(child.run_id);
            guarded([] { CHECK_FOR_INTERRUPTS(); });
            return family.obstacle.empty();
        });
    }
    return family;
}

// A hold on the run, its flow, a run that started it, or a run that it started.
std::optional<store::Hold> find_hold(Spi& spi, const store::RecordedRun& run, std::vector<Uuid> ids) {
    store::bar_holds_of(run.flow_id);
    std::optional<Uuid> parent = run.parent_run_id;
    while (parent) {
        ids.push_back(*parent);
        const auto of_parent = store::find_recorded(spi, *parent);
        if (of_parent && of_parent->flow_id != run.flow_id) store::bar_holds_of(of_parent->flow_id);
        parent = of_parent ? of_parent->parent_run_id : std::nullopt;
    }
    return store::find_hold(spi, ids, {run.flow_id});
}

void redact(Spi& spi, const std::vector<Uuid>& ids, const std::shared_ptr<const std::string>& definition) {
    std::map<Uuid, Redacting::OfRun> runs;
    for (const Uuid& id : ids)
        runs[id] = {random_salt(), definition};
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
    const Family family = gather(spi, run);
    if (!family.obstacle.empty()) return family.obstacle;
    if (const auto hold = find_hold(spi, run, family.ids))
        return std::string(hold->of_flow ? "its flow is held: " : "the run is held: ") + hold->reason;
    const auto version = store::find_version(spi, run.flow_id, run.version);
    const auto definition = std::make_shared<const std::string>(version ? version->definition : "");
    for (std::size_t done = 0; done < family.ids.size(); done += kRunsAtATime) {
        const std::size_t end = std::min(done + kRunsAtATime, family.ids.size());
        redact(spi,
               std::vector<Uuid>(family.ids.begin() + static_cast<std::ptrdiff_t>(done),
                                 family.ids.begin() + static_cast<std::ptrdiff_t>(end)),
               definition);
        guarded([] { CHECK_FOR_INTERRUPTS(); });
    }
    store::insert_redaction(spi, {run, std::move(reason), user, static_cast<std::int64_t>(family.ids.size())});
    return "done";
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
