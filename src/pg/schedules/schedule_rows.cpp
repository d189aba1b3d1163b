// SQL of the tables of schedules. See schedule_rows.hpp.
#include "pg/schedules/schedule_rows.hpp"

#include "pg/schedules/clock.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/shared/wake.hpp"

namespace flowctl::pg::schedules {

namespace {

Statement find_sql("SELECT " FLOWCTL_SCHEDULE_COLUMNS " FROM flowctl_catalog.schedule d WHERE d.name = $1", {TEXTOID});
Statement find_to_change_sql(
    "SELECT " FLOWCTL_SCHEDULE_COLUMNS " FROM flowctl_catalog.schedule d WHERE d.name = $1 FOR UPDATE", {TEXTOID});
Statement find_by_id_sql("SELECT " FLOWCTL_SCHEDULE_COLUMNS " FROM flowctl_catalog.schedule d WHERE d.schedule_id = $1",
                         {UUIDOID});
Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.schedule (schedule_id, name, owner, flow, schedule, input, time_zone, anchor, starts_at,
                                          ends_at, catch_up, overlap, jitter, pause_on_failure, comment)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 * interval '1 microsecond', $14, $15)
    ON CONFLICT (name) DO NOTHING)",
                     {UUIDOID, TEXTOID, OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
                      TIMESTAMPTZOID, TEXTOID, TEXTOID, INT8OID, BOOLOID, TEXTOID});
Statement update_sql(R"(
    UPDATE flowctl_catalog.schedule
    SET flow = $4, schedule = $5, input = $6, time_zone = $7, anchor = $8, starts_at = $9, ends_at = $10, catch_up = $11,
        overlap = $12, jitter = $13 * interval '1 microsecond', pause_on_failure = $14, comment = $15, revision = revision + 1
    WHERE schedule_id = $1 AND name = $2 AND owner::oid IS NOT DISTINCT FROM nullif($3, 0::oid))",
                     insert_sql);
Statement delete_sql[] = {
    {"DELETE FROM flowctl_catalog.schedule_run WHERE schedule_id = $1", {UUIDOID}},
    {"DELETE FROM flowctl_catalog.schedule_backfill WHERE schedule_id = $1", {UUIDOID}},
    {"DELETE FROM flowctl_catalog.schedule_state WHERE schedule_id = $1", {UUIDOID}},
    {"DELETE FROM flowctl_catalog.schedule WHERE schedule_id = $1", {UUIDOID}},
};
Statement pause_sql(R"(
    UPDATE flowctl_catalog.schedule
    SET paused_at = now(), paused_by = pg_catalog.pg_get_userbyid($2), pause_reason = $3 WHERE schedule_id = $1)",
                    {UUIDOID, OIDOID, TEXTOID});
Statement unpause_sql(R"(
    UPDATE flowctl_catalog.schedule SET paused_at = NULL, paused_by = NULL, pause_reason = NULL WHERE schedule_id = $1)",
                      {UUIDOID});
Statement arm_sql(R"(
    INSERT INTO flowctl_catalog.schedule_state (schedule_id, bucket, revision, armed_at, next_due, fire_at, last_error)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (schedule_id) DO UPDATE
    SET revision = excluded.revision, armed_at = excluded.armed_at, next_due = excluded.next_due,
        fire_at = excluded.fire_at, last_error = excluded.last_error, waits_for = NULL, behind = false)",
                  {UUIDOID, INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID});
Statement disarm_sql("UPDATE flowctl_catalog.schedule_state SET fire_at = NULL, waits_for = NULL WHERE schedule_id = $1",
                     {UUIDOID});
Statement follow_revision_sql(R"(
    UPDATE flowctl_catalog.schedule_state s SET revision = d.revision
    FROM flowctl_catalog.schedule d WHERE d.schedule_id = s.schedule_id AND s.schedule_id = $1)",
                              {UUIDOID});
Statement note_run_sql("INSERT INTO flowctl_catalog.schedule_run (run_id, schedule_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                       {UUIDOID, UUIDOID});

std::optional<Definition> first_of(const Rows& rows) {
    if (rows.size() == 0) return std::nullopt;
    return read_definition(rows, 0);
}

Params params_of(const Definition& one) {
    Params params;
    params.uuid(one.id).text(one.name).oid(one.owner).text(one.flow).text(one.text).text(one.input).text(one.time_zone);
    params.timestamp(one.anchor);
    one.starts_at ? params.timestamp(*one.starts_at) : params.null();
    one.ends_at ? params.timestamp(*one.ends_at) : params.null();
    params.text(one.catch_up).text(one.overlap).int8(one.jitter).boolean(one.pause_on_failure).text(one.comment);
    return params;
}

}  // namespace

std::optional<Definition> find_definition(Spi& spi, const std::string& name, bool to_change) {
    return first_of(spi.run(to_change ? find_to_change_sql : find_sql, std::move(Params().text(name))));
}

std::optional<Definition> find_definition(Spi& spi, const Uuid& id) {
    return first_of(spi.run(find_by_id_sql, std::move(Params().uuid(id))));
}

bool insert_definition(Spi& spi, const Definition& definition) {
    return spi.run(insert_sql, params_of(definition)).processed() == 1;
}

void update_definition(Spi& spi, const Definition& definition) {
    spi.run(update_sql, params_of(definition));
}

void delete_schedule(Spi& spi, const Uuid& id) {
    for (Statement& statement : delete_sql)
        spi.run(statement, std::move(Params().uuid(id)));
}

void set_pause(Spi& spi, const Uuid& id, Oid by, const std::optional<std::string>& reason) {
    if (OidIsValid(by))
        spi.run(pause_sql, std::move(Params().uuid(id).oid(by).text(reason)));
    else
        spi.run(unpause_sql, std::move(Params().uuid(id)));
}

void arm(Spi& spi, const Definition& definition, std::int64_t since, std::int64_t now) {
    Params params;
    params.uuid(definition.id).int4(bucket_of_schedule(definition.id)).int4(definition.revision).timestamp(now);
    std::optional<schedule::Instant> next;
    std::optional<std::int64_t> fire_at;
    std::optional<std::string> error;
    try {
        const Timing timing = timing_of(definition);
        next = schedule::next(timing.terms, *timing.zone, since / 1'000'000);
        if (next && !definition.paused) fire_at = timing.jitter.fire_at(*next);
    } catch (const UserError& problem) {
        error = problem.message;  // a dump may come from a server with other time zones
    }
    next ? params.timestamp(*next * 1'000'000) : params.null();
    fire_at ? params.timestamp(*fire_at) : params.null();
    params.text(error);
    spi.run(arm_sql, std::move(params));
    wake::note_poke();
}

void disarm(Spi& spi, const Uuid& id) {
    spi.run(disarm_sql, std::move(Params().uuid(id)));
}

void follow_revision(Spi& spi, const Uuid& id) {
    spi.run(follow_revision_sql, std::move(Params().uuid(id)));
    wake::note_poke();
}

void note_run(Spi& spi, const Uuid& run, const Uuid& schedule) {
    spi.run(note_run_sql, std::move(Params().uuid(run).uuid(schedule)));
}

// A new row of the table of schedules is armed from now on, whoever writes it: create_schedule() or a restore.
FLOWCTL_FUNCTION(flowctl_arm_schedule) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw UserError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "arm_schedule() can only be called by its trigger",
                        "Schedules are made by flowctl.create_schedule().");
    const auto& data = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    const Uuid id = guarded([&] {
        bool is_null = false;
        const Datum value = SPI_getbinval(data.tg_trigtuple, RelationGetDescr(data.tg_relation), 1, &is_null);
        Uuid bytes{};
        if (!is_null) memcpy(bytes.data(), DatumGetUUIDP(value)->data, bytes.size());
        return bytes;
    });
    const AsExtensionOwner owner;
    Spi spi;
    const std::int64_t now = clock_now();
    if (const auto definition = find_definition(spi, id)) arm(spi, *definition, now, now);
    return PointerGetDatum(nullptr);
}

}  // namespace flowctl::pg::schedules
