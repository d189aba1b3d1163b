// Quotas of open runs. See open_run_quota.hpp.
//
// What a transaction has started is kept by subtransaction, and joins the parent's where that commits. The
// callbacks allocate nothing: an error within XACT_EVENT_COMMIT takes the whole server down.
#include "pg/starts/open_run_quota.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/index_scans.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/spi.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/shared/open_run_counts.hpp"
#include "pg/store/stored_use.hpp"

namespace flowctl::pg::open_run_quota {

namespace {

Statement quotas_sql("SELECT role::oid, open_runs, stored_bytes FROM flowctl_catalog.quota WHERE role::oid IS NOT NULL", {});
// What this transaction has started is counted apart, since not all of it is in the table yet.
Statement count_sql(R"(
    SELECT pg_catalog.count(*)
    FROM (SELECT FROM flowctl_catalog.run r
          WHERE r.status = 'RUNNING' AND r.flow_owner::oid = $1 AND r.start_xid IS DISTINCT FROM pg_catalog.pg_current_xact_id_if_assigned()
          LIMIT $2) x)",
                    {OIDOID, INT8OID});

constexpr std::int64_t kShortCount = 5'000;         // us
constexpr std::int64_t kRestOfCounts = 20;          // times what a longer count takes
constexpr std::int64_t kOldestCount = 10'000'000;  // us

struct Quota {
    std::optional<std::int64_t> open_runs, stored_bytes;
    std::optional<store::StoredUse> stored;  // as it was measured last
};
std::map<Oid, Quota> quotas;
std::uint64_t quotas_generation = 0;

// Null: the role has none.
const Quota* quota_of(Oid role) {
    const std::uint64_t generation = catalog_watch::generation();
    if (generation != quotas_generation) {
        const AsExtensionOwner owner;
        Spi spi;
        const Rows rows = spi.run_latest(quotas_sql);
        quotas.clear();
        const std::map<Oid, store::StoredUse> stored = store::find_stored(spi);
        for (std::size_t i = 0; i < rows.size(); i++) {
            Quota& quota = quotas[rows.oid(i, 0)];
            quota = {};
            if (!rows.is_null(i, 1)) quota.open_runs = rows.int8(i, 1);
            if (!rows.is_null(i, 2)) quota.stored_bytes = rows.int8(i, 2);
            if (const auto use = stored.find(rows.oid(i, 0)); use != stored.end()) quota.stored = use->second;
        }
        quotas_generation = generation;
    }
    if (quotas.empty()) return nullptr;
    const auto found = quotas.find(role);
    return found == quotas.end() ? nullptr : &found->second;
}

// Runs that this transaction has started.
struct Begun {
    Oid role;
    SubTransactionId by;
    std::int64_t runs;
};
std::vector<Begun> begun;

std::int64_t begun_of(Oid role) {
    std::int64_t runs = 0;
    for (const Begun& one : begun)
        if (one.role == role) runs += one.runs;
    return runs;
}

void note(Oid role) {
    const SubTransactionId here = GetCurrentSubTransactionId();
    for (Begun& one : begun)
        if (one.role == role && one.by == here) {
            one.runs++;
            return;
        }
    begun.push_back({role, here, 1});
}

void around_transaction(XactEvent event, void*) noexcept {
    if (begun.empty()) return;
    if (event == XACT_EVENT_COMMIT)
        for (const Begun& one : begun)
            open_run_counts::add(one.role, one.runs);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) begun.clear();
}

void around_subtransaction(SubXactEvent event, SubTransactionId here, SubTransactionId parent, void*) noexcept {
    if (begun.empty()) return;
    if (event == SUBXACT_EVENT_ABORT_SUB) std::erase_if(begun, [here](const Begun& one) { return one.by >= here; });
    if (event != SUBXACT_EVENT_COMMIT_SUB) return;
    for (Begun& one : begun) {
        if (one.by != here) continue;
        const auto same = std::find_if(begun.begin(), begun.end(), [&](const Begun& other) {
            return other.role == one.role && other.by == parent;
        });
        if (same == begun.end()) {
            one.by = parent;
        } else {
            same->runs += one.runs;
            one.runs = 0;
        }
    }
    std::erase_if(begun, [](const Begun& one) { return one.runs == 0; });
}

// The table says how many are open now; one more than the quota stands for all that is beyond it.
open_run_counts::Count count_again(Oid role, std::int64_t quota) {
    const std::uint64_t started = open_run_counts::started(role);
    const std::int64_t from = unix_micros_now();
    open_run_counts::Count count;
    {
        const AsExtensionOwner owner;
        Spi spi;
        const IndexScans plans;
        const Rows rows = spi.run_latest(count_sql, std::move(Params().oid(role).int8(quota + 1)));
        count.open = rows.int8(0, 0);
    }
    if (count.open > quota) count.up_to = count.open;
    count.counted_at = unix_micros_now();
    count.took = std::max<std::int64_t>(0, count.counted_at - from);
    open_run_counts::publish(role, count, started);
    return count;
}

bool is_to_count_again(const open_run_counts::Count& count, bool is_reached) {
    const std::int64_t age = unix_micros_now() - count.counted_at;
    if (age < 0) return true;  // the clock was set back
    const std::int64_t rest = count.took < kShortCount ? 0 : kRestOfCounts * count.took;
    return age >= rest && (is_reached || age >= kOldestCount);
}

[[noreturn]] void refuse(Oid role, std::int64_t quota, std::int64_t used) {
    throw UserError(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                    "role " + in_quotes(role_name(role)) + " has reached its quota of open runs",
                    "Try it again when runs of the role's flows have ended. Superusers change a quota by "
                    "flowctl.set_quota(), and the view flowctl.quotas shows it.",
                    "The quota open_runs allows " + std::to_string(quota) + ", and " +
                        (used > quota ? "more than " + std::to_string(quota) : std::to_string(used)) +
                        " are open, with those that this transaction has started.");
}

[[noreturn]] void refuse_stored(Oid role, std::int64_t quota, std::int64_t used) {
    throw UserError(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                    "role " + in_quotes(role_name(role)) + " has reached its quota of stored bytes",
                    "It is measured every ten minutes, and by flowctl.keep_house(). Runs are forgotten by "
                    "flowctl.run_retention. Superusers change a quota by flowctl.set_quota(), and the view "
                    "flowctl.quotas shows it.",
                    "The quota stored_bytes allows " + std::to_string(quota) + ", and " + std::to_string(used) +
                        " were stored when it was measured last.");
}

}  // namespace

void install_at_load() {
    guarded([] {
        RegisterXactCallback(around_transaction, nullptr);
        RegisterSubXactCallback(around_subtransaction, nullptr);
    });
}

void take(Oid owner) {
    const Quota* const known = quota_of(owner);
    if (known == nullptr) return;
    if (known->stored_bytes && known->stored && known->stored->bytes >= *known->stored_bytes)
        refuse_stored(owner, *known->stored_bytes, known->stored->bytes);
    if (!known->open_runs) return;
    const std::int64_t quota = *known->open_runs;
    const std::int64_t own = begun_of(owner);
    std::optional<open_run_counts::Count> count = open_run_counts::find(owner);
    // The quota was raised.
    if (count && count->up_to != 0 && quota >= count->up_to) count.reset();
    if (!count || is_to_count_again(*count, count->open + own >= quota)) count = count_again(owner, quota);
    if (count->open + own >= quota) refuse(owner, quota, count->open + own);
    note(owner);
}

}  // namespace flowctl::pg::open_run_quota
