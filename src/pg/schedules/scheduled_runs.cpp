// Runs of schedules. See scheduled_runs.hpp.
#include "pg/schedules/scheduled_runs.hpp"

#include "base/ascii.hpp"
#include "core/asl/timestamp.hpp"
#include "core/text/digest.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::schedules {

namespace {

const char* name_of(Firing firing) {
    switch (firing) {
        case Firing::Time: return "time";
        case Firing::CatchUp: return "catch_up";
        case Firing::Backfill: return "backfill";
        case Firing::Manual: return "manual";
    }
    return "time";
}

// A CloudEvent. Names of its extension attributes have small letters and digits only.
std::string event_for(const Definition& definition, const Uuid& run, std::int64_t due, Firing firing) {
    const std::string database = guarded([] { return get_database_name(MyDatabaseId); });
    const std::string at = asl::format_instant(due);
    const json::Value data = json::ObjectBuilder()
                                 .add("schedule", definition.name)
                                 .add("scheduled_time", at)
                                 .add("time_zone", definition.time_zone)
                                 .add("firing", std::string(name_of(firing)))
                                 .build();
    return json::dump(json::ObjectBuilder()
                          .add("specversion", "1.0")
                          .add("type", "io.flowctl.schedule")
                          .add("source", "/" + database + "/schedules/" + definition.name)
                          .add("id", to_string(run))
                          .add("time", at)
                          .add("subject", definition.name)
                          .add("authtype", "system")
                          .add("authid", role_name(definition.owner))
                          .add("schedule", definition.name)
                          .add("scheduledtime", at)
                          .add("data", data)
                          .build());
}

}  // namespace

Uuid run_id_for(const Uuid& schedule, schedule::Instant due) {
    const std::string digest = text::sha256_hex(to_string(schedule) + "/" + std::to_string(due));
    Uuid id = first_run_id(due * 1'000'000);
    for (std::size_t i = 6; i < id.size(); i++)
        id[i] = static_cast<std::uint8_t>(hex_value(digest[2 * i]) << 4 | hex_value(digest[2 * i + 1]));
    id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    id[15] = schedule[15];
    return id;
}

Uuid new_run_id_of(const Uuid& schedule) {
    Uuid id = new_run_id();
    id[15] = schedule[15];
    return id;
}

StartRequest request_for(const Definition& definition, const Uuid& run, std::int64_t due, Firing firing) {
    StartRequest request;
    request.run_id = run;
    request.flow = definition.flow;
    request.input = definition.input;
    request.input_is_fit = true;
    request.event = event_for(definition, run, due, firing);
    request.starter = definition.owner;
    request.must_may_start = definition.owner;
    return request;
}

}  // namespace flowctl::pg::schedules
