// flowctl.drain() and flowctl.undrain(): nothing new begins in any database, so that the server can be
// restarted without making a call twice. See pg/shared/drain.hpp.
#include <cstdint>
#include <map>
#include <string>

#include "pg/server/arguments.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/spi.hpp"
#include "pg/shared/drain.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

constexpr long kLookEvery = 50;  // ms

Statement count_helpers(
    "SELECT d.oid, count(*) FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_database d ON d.oid = "
    "a.datid "
    "WHERE a.backend_type = 'flowctl map helper' GROUP BY d.oid",
    {});

struct UnderWay {
    std::int64_t calls = 0;
    std::int64_t helpers = 0;
    bool unseen = false;  // a worker has not seen the drain yet
};

std::string counted(std::int64_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string text_of(Oid database, const UnderWay& under_way) {
    const char* name = guarded([&] { return get_database_name(database); });
    std::string what;
    const auto add = [&](const std::string& part) { what += (what.empty() ? "" : ", ") + part; };
    if (under_way.calls > 0) add(counted(under_way.calls, "call"));
    if (under_way.helpers > 0) add(counted(under_way.helpers, "map helper"));
    if (under_way.unseen) add("a worker that has not looked yet");
    return "database \"" + std::string(name != nullptr ? name : "?") + "\": " + what;
}

// A line for each database in which something is under way; empty: nothing is.
std::string under_way(std::uint32_t number) {
    std::map<Oid, UnderWay> all;
    for (int slot = 0; slot < shmem::slots(); slot++) {
        const shmem::View worker = shmem::view(slot);
        if (worker.state != shmem::State::kClaimed || !worker.serving) continue;
        const figures::Figures figures = figures::view(slot);
        if (figures.drain != number)
            all[worker.database].unseen = true;
        else if (figures.unfinished > 0)
            all[worker.database].calls += figures.unfinished;
    }
    guarded([] { pgstat_clear_snapshot(); });  // or the first answer would be that of the whole transaction
    Spi spi;
    Rows rows = spi.run(count_helpers, Params());
    for (std::size_t i = 0; i < rows.size(); i++)
        all[rows.oid(i, 0)].helpers = rows.int8(i, 1);
    std::string lines;
    for (const auto& [database, one] : all)
        lines += (lines.empty() ? "" : "\n") + text_of(database, one);
    return lines;
}

void note(const char* text) {
    guarded([&] {
        ereport(LOG, (errmsg("pg_flowctl: %s by role \"%s\"", text, GetUserNameFromId(GetUserId(), false))));
    });
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_drain) {
    shmem::require("flowctl.drain()");
    const TimestampTz deadline = GetCurrentTimestamp() + micros_argument(fcinfo, 0, 60'000'000);
    const std::uint32_t event = wait_event("FlowctlDrain");
    const std::uint32_t number = drain::begin();
    note("a drain was asked for");
    for (;;) {
        const std::string left = under_way(number);
        if (drain::current() != number)
            throw UserError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                            "the drain was ended by flowctl.undrain()",
                            "Call flowctl.drain() again to begin another one.");
        if (left.empty()) return Datum(0);
        if (GetCurrentTimestamp() >= deadline)
            throw UserError(
                ERRCODE_OBJECT_IN_USE, "something is still under way",
                "Nothing new begins until flowctl.undrain(). Call flowctl.drain() again to wait longer, or "
                "end runs with flowctl.stop().",
                left);
        guarded([&] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kLookEvery, event);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        });
    }
}

FLOWCTL_FUNCTION(flowctl_undrain) {
    (void)fcinfo;
    shmem::require("flowctl.undrain()");
    if (drain::end()) note("the drain was ended");
    return Datum(0);
}

}  // namespace flowctl::pg
