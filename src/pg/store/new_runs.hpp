// The store of runs that are being started: their rows, and the names that they take.
//
// The transaction that starts a run inserts its row. Every function runs inside the caller's transaction and
// raises PgError.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/store/limit_rows.hpp"

namespace flowctl::pg::store {

// Where the session's client is, as an inet; 0 where it is on this machine. It lasts as long as the transaction.
Datum client_address();

// The session that a run began in. A run that another run starts has the session of that one.
struct StartSession {
    Oid starter = InvalidOid;
    std::string user;  // session_user
    std::optional<std::string> system_user;
    std::optional<std::string> asserted_subject;
    std::optional<std::string> application_name;
    std::optional<std::string> event;
    Datum client_addr = 0;  // inet; lasts as long as the transaction
};
// The sessions of these runs; a run that is not kept has none.
std::map<Uuid, StartSession> find_sessions(const std::vector<Uuid>& ids);

struct NewRun {
    Uuid run_id{};
    Uuid flow_id{};
    std::string flow;
    std::int32_t version = 0;
    std::optional<std::string> alias;  // that led to the version
    std::string type;
    std::optional<std::string> name;
    std::string input;
    std::optional<std::string> event;
    std::int64_t started_at = 0;  // micros since 1970 UTC
    Oid flow_owner = InvalidOid;
    Oid role = InvalidOid;
    Oid starter = InvalidOid;
    Oid session_user = InvalidOid;
    std::optional<std::string> system_user;
    std::optional<std::string> subject;  // verified, as are the next two
    std::optional<std::string> subject_issuer;
    std::optional<std::string> subject_claims;  // a JSON object
    std::optional<Uuid> subject_handle;         // of the token in subject_tokens
    std::optional<std::string> asserted_subject;
    std::optional<std::string> traceparent;
    // What it waits for before it may begin.
    std::optional<WaitRow> wait;
    struct Attribute {
        std::string name;
        std::vector<std::string> values;
    };
    std::vector<Attribute> attributes;
    std::optional<std::int64_t> begins_until, ends_until;  // as its flow expects
    bool awaits_events = false;  // so what it can see now is remembered
    std::optional<Uuid> parent_run_id;
    std::int32_t depth = 0;
    std::optional<std::string> handed_token;
    const StartSession* session =
        nullptr;  // of its parent, in place of what else is said here; null: it has none
    std::optional<Uuid> forked_from;
    // A run that could not begin is recorded as ended.
    std::optional<std::string> error;
    std::optional<std::string> cause;
};
void insert_runs(const NewRun* runs, std::size_t count);

// What is a run's own where all else is the same as that of others.
struct OwnOfRun {
    Uuid run_id{};
    std::string input;
    std::optional<std::string> event;
    std::int64_t started_at = 0;
};
// Runs that are like `common`, which has no name, attributes, expectations and wait. A statement that starts 100,000 of them would
// spend a fifth of its time on copies of what they have in common.
void insert_similar_runs(const NewRun& common, const OwnOfRun* runs, std::size_t count);

// Takes (flow, name) for `run_id`; false when the name is taken. Waits for a concurrent transaction that
// takes it.
bool take_name(Spi& spi, const Uuid& flow_id, const std::string& name, const Uuid& run_id);
struct NamedRun {
    Uuid run_id{};
    bool found = false;  // the run is still kept
    bool same_input = false;
};
NamedRun find_named(Spi& spi, const Uuid& flow_id, const std::string& name, const std::string& input);
void replace_name(Spi& spi, const Uuid& flow_id, const std::string& name, const Uuid& run_id);

}  // namespace flowctl::pg::store
