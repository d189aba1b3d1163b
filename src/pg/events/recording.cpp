// Implementation of record.hpp.
#include "pg/events/record.hpp"

#include <algorithm>
#include <iterator>

#include "pg/events/depth.hpp"
#include "pg/events/event_rows.hpp"
#include "pg/events/rules.hpp"
#include "pg/events/subscriptions.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/current_step.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/start.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/new_runs.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::events {

namespace {

// The depth of what a run causes. The last run is remembered, since a SQL step may record many events.
std::int32_t depth_of_run(const Uuid& run) {
    struct Known {
        Uuid run{};
        std::int32_t depth = 0;
    };
    static Known known;
    if (known.run == run) return known.depth;
    const AsExtensionOwner owner;
    const auto sessions = store::find_sessions({run});
    const auto session = sessions.find(run);
    known = {run, session == sessions.end() ? 0 : depth_below(session->second.event)};
    return known.depth;
}

constexpr std::string_view kReserved[] = {"permission.", "role.",     "policy.",   "default_privileges.", "owner.",
                                          "label.",      "setting.",  "schema.",   "run.",                "schedule.",
                                          "approval.",   "lease.",    "flowctl.",  "io.flowctl."};

std::string database_source() {
    const char* const name = guarded([] { return get_database_name(MyDatabaseId); });
    return std::string("/") + name;
}

store::EventRow row_of(const Event& event) {
    store::EventRow row;
    row.event_id = new_run_id();
    row.type = event.type;
    row.source = event.source.empty() ? database_source() : event.source;
    row.is_named = event.id.has_value();
    row.id = event.id ? *event.id : to_string(row.event_id);
    row.subject = event.subject;
    row.data = event.data;
    row.attributes = event.attributes;
    row.at = unix_micros_now();
    if (event.run) {
        row.depth = depth_of_run(*event.run);
        row.caused_by = event.run;
    } else if (current_step != nullptr) {
        row.depth = depth_of_run(current_step->run);
        row.caused_by = current_step->run;
    }
    row.emitter = GetUserId();
    row.reader = event.reader;
    const store::NewRun session = run_of_session();
    row.session_user = role_name(session.session_user);
    row.system_user = session.system_user;
    row.subject_name = session.subject;
    row.subject_issuer = session.subject_issuer;
    row.subject_claims = session.subject_claims;
    row.asserted_subject = session.asserted_subject;
    row.traceparent = session.traceparent;
    if (current_step != nullptr) {
        row.subject_name = current_step->subject;
        row.subject_claims = current_step->subject_claims;
    }
    if (application_name != nullptr && *application_name != '\0') row.application_name = application_name;
    row.client_addr = store::client_address();
    return row;
}

}  // namespace

bool is_reserved(std::string_view type) {
    return type == "denial" || std::any_of(std::begin(kReserved), std::end(kReserved), [&](std::string_view reserved) {
               return type.starts_with(reserved) || type == reserved.substr(0, reserved.size() - 1);
           });
}

bool is_wanted(std::string_view type) {
    return subscriptions::is_wanted(type);
}

Uuid record(const Event& event) {
    const store::EventRow row = row_of(event);
    {
        const AsExtensionOwner owner(row.is_named ? AsExtensionOwner::For::Sql : AsExtensionOwner::For::Rows);
        if (row.is_named) {
            Spi spi;
            if (const auto earlier = store::insert_named_event(spi, row)) return *earlier;
        } else {
            store::insert_events({row});
        }
    }
    if (apply_rules(row) || store::has_rows("event_wait")) wake::note_poke();
    return row.event_id;
}

}  // namespace flowctl::pg::events
