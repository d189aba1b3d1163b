// SQL of the store of runs that are being started. See new_runs.hpp.
#include "pg/store/new_runs.hpp"

#include <algorithm>
#include <deque>

#include "core/json.hpp"
#include "core/machine/status.hpp"
#include "pg/store/append.hpp"
#include "pg/store/by_key.hpp"
#include "pg/store/by_leaf.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::store {

namespace {

// One value as a text, several as an array.
std::string attributes_text(const std::vector<NewRun::Attribute>& attributes) {
    std::string text;
    for (const NewRun::Attribute& attribute : attributes) {
        text += text.empty() ? '{' : ',';
        json::dump_string(attribute.name, text);
        text += ':';
        const bool several = attribute.values.size() > 1;
        if (several) text += '[';
        for (const std::string& value : attribute.values) {
            if (&value != &attribute.values.front()) text += ',';
            json::dump_string(value, text);
        }
        if (several) text += ']';
    }
    return text + '}';
}

void insert_attributes(const NewRun* runs, std::size_t count) {
    std::size_t rows = 0;
    for (const NewRun* run = runs; run != runs + count; run++)
        for (const NewRun::Attribute& attribute : run->attributes)
            rows += attribute.values.size();
    if (rows == 0) return;
    Append append("run_attribute", {"run_id", "name", "value"}, rows);
    for (const NewRun* run = runs; run != runs + count; run++)
        for (const NewRun::Attribute& attribute : run->attributes)
            for (const std::string& value : attribute.values)
                append.uuid(run->run_id).text(attribute.name).text(value);
    append.write();
}

void insert_expectations(const NewRun* runs, std::size_t count) {
    const auto is_expected = [](const NewRun& run) { return run.begins_until || run.ends_until; };
    if (std::none_of(runs, runs + count, is_expected)) return;
    Append append("run_expectation", {"run_id", "kind", "due_at", "bucket"}, 2 * count);
    const auto add = [&](const NewRun& run, const char* kind, std::optional<std::int64_t> due_at) {
        if (due_at)
            append.uuid(run.run_id).text(kind).timestamp(due_at).int2(static_cast<std::int16_t>(bucket_of(run.run_id)));
    };
    for (const NewRun* run = runs; run != runs + count; run++) {
        add(*run, "run.late", run->begins_until);
        add(*run, "run.overdue", run->ends_until);
    }
    append.write();
}

// What is visible when the runs start. An event that is not counts for them, whenever it has been recorded.
void insert_event_starts(const NewRun* runs, std::size_t count) {
    const auto awaits = [](const NewRun& run) { return run.awaits_events && !run.error; };
    if (std::none_of(runs, runs + count, awaits)) return;
    const Datum xid =
        guarded([] { return UInt64GetDatum(U64FromFullTransactionId(GetTopFullTransactionId())); });
    const Datum seen = guarded([] {
        PushActiveSnapshot(GetLatestSnapshot());
        const Datum snapshot = OidFunctionCall0(F_PG_CURRENT_SNAPSHOT);
        PopActiveSnapshot();
        return snapshot;
    });
    Append append("event_start", {"run_id", "xid", "seen"}, count);
    for (const NewRun* run = runs; run != runs + count; run++)
        if (awaits(*run)) append.uuid(run->run_id).ready(xid).ready(seen);
    append.write();
}

}  // namespace

Datum client_address() {
    return guarded([] {
        LOCAL_FCINFO(call, 0);
        FmgrInfo function;
        fmgr_info(F_INET_CLIENT_ADDR, &function);
        InitFunctionCallInfoData(*call, &function, 0, InvalidOid, nullptr, nullptr);
        const Datum address = FunctionCallInvoke(call);
        return call->isnull ? static_cast<Datum>(0) : address;
    });
}

namespace {

// The rows of runs on their way into the table.
class RunRows {
  public:
    explicit RunRows(std::size_t count) : append_("run", columns(), count), address_(client_address()) {
        xid_ = guarded([] { return UInt64GetDatum(U64FromFullTransactionId(GetTopFullTransactionId())); });
        if (application_name != nullptr && *application_name != '\0') application_ = application_name;
    }

    void add(const NewRun& run) { add(run, run.run_id, run.input, run.event, run.started_at); }
    void add(const NewRun& run, const Uuid& id, const std::string& input, const std::optional<std::string>& event,
             std::int64_t started_at);
    void write() { append_.write(); }

  private:
    static std::vector<const char*> columns();
    const std::string& name_of_role(Oid role) {
        const auto known = session_users_.try_emplace(role).first;
        if (known->second.empty()) known->second = role_name(role);
        return known->second;
    }

    Append append_;
    Datum address_;
    Datum xid_ = 0;
    std::optional<std::string> application_;
    std::map<Oid, std::string> session_users_;  // the rows point to their names
    std::deque<std::string> attributes_;        // to which the rows point, too
};

std::vector<const char*> RunRows::columns() {
    return {
            "run_id", "flow_id", "flow", "version", "type", "name", "status", "input", "error", "cause",
            "started_at", "ended_at", "flow_owner", "role", "starter", "session_user_name",
            "system_user_name", "subject", "subject_issuer", "subject_claims", "subject_handle",
            "asserted_subject", "client_addr", "application_name", "start_xid", "event", "traceparent",
            "redrive_count", "forked_from", "alias", "attributes", "parent_run_id", "depth", "handed_token"};
}

void RunRows::add(const NewRun& run, const Uuid& id, const std::string& input,
                  const std::optional<std::string>& event, std::int64_t started_at) {
    const StartSession* parent = run.session;
    append_.uuid(id).uuid(run.flow_id).text(run.flow).int4(run.version).text(run.type);
    append_.text_or_null(run.name)
        .text(machine::name_of(run.error ? machine::Status::Failed : machine::Status::Running))
        .text(input);
    append_.text_or_null(run.error).text_or_null(run.cause).timestamp(started_at);
    run.error ? append_.timestamp(started_at) : append_.null();
    append_.oid(run.flow_owner).oid(run.role).oid(parent ? parent->starter : run.starter);
    append_.text(parent ? parent->user : name_of_role(run.session_user));
    append_.text_or_null(parent ? parent->system_user : run.system_user);
    append_.text_or_null(run.subject).text_or_null(run.subject_issuer).text_or_null(run.subject_claims);
    run.subject_handle ? append_.uuid(*run.subject_handle) : append_.null();
    append_.text_or_null(parent ? parent->asserted_subject : run.asserted_subject);
    const Datum from = parent ? parent->client_addr : address_;
    from != 0 ? append_.ready(from) : append_.null();
    append_.text_or_null(parent ? parent->application_name : application_);
    append_.ready(xid_).text_or_null(parent ? parent->event : event);
    append_.text_or_null(run.traceparent).int4(0);
    run.forked_from ? append_.uuid(*run.forked_from) : append_.null();
    append_.text_or_null(run.alias);
    if (!run.attributes.empty()) attributes_.push_back(attributes_text(run.attributes));
    run.attributes.empty() ? append_.null() : append_.text(attributes_.back());
    run.parent_run_id ? append_.uuid(*run.parent_run_id) : append_.null();
    append_.int4(run.depth).text_or_null(run.handed_token);
}

}  // namespace

void insert_runs(const NewRun* runs, std::size_t count) {
    RunRows rows(count);
    for (const NewRun* run = runs; run != runs + count; run++)
        rows.add(*run);
    rows.write();
    insert_attributes(runs, count);
    insert_expectations(runs, count);
    insert_event_starts(runs, count);
    std::vector<const WaitRow*> waits;
    for (const NewRun* run = runs; run != runs + count; run++)
        if (run->wait) waits.push_back(&*run->wait);
    insert_limit_waits(waits);
}

void insert_similar_runs(const NewRun& common, const OwnOfRun* runs, std::size_t count) {
    RunRows rows(count);
    for (const OwnOfRun* run = runs; run != runs + count; run++)
        rows.add(common, run->run_id, run->input, run->event, run->started_at);
    rows.write();
}

std::map<Uuid, StartSession> find_sessions(const std::vector<Uuid>& ids) {
    std::map<Uuid, StartSession> sessions;
    for (const LeafGroup& group : by_leaf("run", ids)) {
        const Rows rows = find_by_key(group.leaf,
                                      {"run_id", "starter", "session_user_name", "system_user_name",
                                       "asserted_subject", "application_name", "event", "client_addr"},
                                      pick(ids, group));
        for (std::size_t i = 0; i < rows.size(); i++) {
            StartSession& session = sessions[rows.uuid(i, 0)];
            session.starter = rows.oid(i, 1);
            session.user = rows.text(i, 2);
            session.system_user = rows.optional_text(i, 3);
            session.asserted_subject = rows.optional_text(i, 4);
            session.application_name = rows.optional_text(i, 5);
            session.event = rows.optional_text(i, 6);
            session.client_addr = rows.datum(i, 7);
        }
    }
    return sessions;
}

static Statement take_name_sql(
    "INSERT INTO flowctl_catalog.run_name VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    {UUIDOID, TEXTOID, UUIDOID});

bool take_name(Spi& spi, const Uuid& flow_id, const std::string& name, const Uuid& run_id) {
    return spi.run(take_name_sql, std::move(Params().uuid(flow_id).text(name).uuid(run_id))).processed() == 1;
}

static Statement find_named_sql(R"(
    SELECT n.run_id, r.input
    FROM flowctl_catalog.run_name n LEFT JOIN flowctl_catalog.run r ON r.run_id = n.run_id
    WHERE n.flow_id = $1 AND n.name = $2)",
                                {UUIDOID, TEXTOID});

// Not by a statement: what audits or explains those of a session would write the payload into the server's
// log.
static bool is_same_jsonb(const std::string& one, const std::string& other) {
    const char* const texts[] = {one.c_str(), other.c_str()};
    return guarded([&] {
        const Datum a = DirectFunctionCall1(jsonb_in, CStringGetDatum(texts[0]));
        const Datum b = DirectFunctionCall1(jsonb_in, CStringGetDatum(texts[1]));
        return DatumGetBool(DirectFunctionCall2(jsonb_eq, a, b));
    });
}

NamedRun find_named(Spi& spi, const Uuid& flow_id, const std::string& name, const std::string& input) {
    Rows rows = spi.run(find_named_sql, std::move(Params().uuid(flow_id).text(name)));
    if (rows.size() == 0) return {};
    const auto earlier = rows.optional_text(0, 1);
    return {rows.uuid(0, 0), earlier.has_value(), earlier && is_same_jsonb(*earlier, input)};
}

static Statement replace_name_sql(
    "UPDATE flowctl_catalog.run_name SET run_id = $3 WHERE flow_id = $1 AND name = $2",
    {UUIDOID, TEXTOID, UUIDOID});

void replace_name(Spi& spi, const Uuid& flow_id, const std::string& name, const Uuid& run_id) {
    spi.run(replace_name_sql, std::move(Params().uuid(flow_id).text(name).uuid(run_id)));
}

}  // namespace flowctl::pg::store
