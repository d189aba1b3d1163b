// Implementation of step_identity.hpp.
#include "pg/tasks/step_identity.hpp"

#include <algorithm>
#include <chrono>

#include "core/json.hpp"
#include "pg/identity/own_keys.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/subject_tokens.hpp"

namespace flowctl::pg {

namespace {

constexpr int kMaxActors = 5;

std::optional<std::string> string_member(const json::Value& object, std::string_view name) {
    const json::Value* member = object.find(name);
    if (member == nullptr || !member->is_string()) return std::nullopt;
    return std::string(member->as_string());
}

// The user's actors, as their own token named them: who acted for them before.
void add_actors(net::JsonWriter& user, const json::Value& claims, int depth) {
    const json::Value* act = claims.find("act");
    if (act == nullptr || !act->is_object() || depth >= kMaxActors) return;
    net::JsonWriter actor;
    if (const auto subject = string_member(*act, "sub")) actor.add("sub", *subject);
    if (const auto issuer = string_member(*act, "iss")) actor.add("iss", *issuer);
    add_actors(actor, *act, depth + 1);
    user.add("act", actor);
}

net::JsonWriter user_of(const RunFacts& run) {
    net::JsonWriter user;
    user.add("sub", *run.subject);
    if (run.subject_issuer) user.add("iss", *run.subject_issuer);
    if (run.subject_claims)
        if (const auto claims = json::parse(*run.subject_claims)) add_actors(user, *claims, 1);
    return user;
}

Statement primary_key_sql(R"(
    SELECT a.attname::text FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indisprimary
      AND i.indrelid = pg_catalog.to_regclass(pg_catalog.format('%I.%I', $1, $2))::pg_catalog.oid
    ORDER BY a.attnum)",
                          {TEXTOID, TEXTOID});

std::string value_text(const json::Value& value) {
    return value.is_string() ? std::string(value.as_string()) : json::dump(value);
}

// The primary key of the row that the trigger saw, each column as text. The trigger itself has described the
// table; an input of flowctl.start() that looks the same proves nothing.
std::optional<net::JsonWriter> row_keys(const machine::RunContext& context) {
    const json::Value* source = context.input.find("source");
    const json::Value* row = context.input.find("after");
    if (row == nullptr || !row->is_object()) row = context.input.find("before");
    if (source == nullptr || row == nullptr || !row->is_object()) return std::nullopt;
    const auto schema = string_member(*source, "schema");
    const auto table = string_member(*source, "table");
    if (!schema || !table) return std::nullopt;
    Spi spi;
    const Rows columns = spi.run(primary_key_sql, std::move(Params().text(*schema).text(*table)));
    if (columns.size() == 0) return std::nullopt;
    net::JsonWriter keys;
    for (std::size_t i = 0; i < columns.size(); i++) {
        const std::string name = columns.text(i, 0);
        if (const json::Value* value = row->find(name)) keys.add(name, value_text(*value));
    }
    return keys;
}

void add_event(net::JsonWriter& claims, const machine::RunContext& context, bool with_keys) {
    if (!context.event.is_object()) return;
    net::JsonWriter event;
    for (const char* name : {"id", "type", "source", "time"})
        if (const auto value = string_member(context.event, name)) event.add(name, *value);
    if (with_keys)
        if (const auto keys = row_keys(context)) event.add("keys", *keys);
    claims.add("event", event);
}

}  // namespace

std::variant<net::StepIdentity, std::string> StepTokens::own(const OwnTokenTerms& terms) const {
    const auto url = own_issuer_url();
    if (url.index() == 1) return std::get<1>(url);
    auto keys = own_keys(true);
    if (auto* why = std::get_if<std::string>(&keys)) return std::move(*why);

    net::StepIdentity::Facts facts;
    facts.issuer = std::get<0>(url);
    facts.subject = net::flow_subject(role_name(run_.flow_owner), run_.flow);
    net::JsonWriter& claims = facts.claims;
    claims.add("flow", run_.flow)
        .add("version", run_.flow_version)
        .add("state", call_.state)
        .add("run", run_.id_text)
        .add("role", role_name(run_.role));
    if (!terms.scope.empty()) claims.add("scope", terms.scope);
    if (run_.subject) claims.add("act", user_of(run_));
    add_event(claims, run_.context, terms.event_keys);
    // Another attempt of the same step has the same rights, so a token that was got for this one serves it, too.
    facts.identity = claims.text();
    if (terms.for_one_call) facts.identity += ' ' + std::to_string(call_.id) + ' ' + std::to_string(now_);
    claims.add("attempt", call_.attempt);

    std::int64_t end = now_ + static_cast<std::int64_t>(terms.timeout.count() * 1e6);
    if (call_.deadline) end = std::min(end, *call_.deadline);
    facts.not_after = net::StepIdentity::Time(std::chrono::microseconds(end));
    facts.cap = std::chrono::seconds(guc::issuer_token_lifetime);
    facts.audiences = terms.audiences;
    return net::StepIdentity(std::get<net::OwnKeys>(std::move(keys)), std::move(facts));
}

net::TokenInput StepTokens::user() const {
    if (!run_.subject_handle) return {};
    const Uuid handle = *run_.subject_handle;
    return net::TokenInput::made(
        "user:" + to_string(handle), [handle](const net::TokenUse&) -> net::TokenInputResult {
            if (auto token = subject_tokens::read(handle)) return std::move(*token);
            return net::TokenInputFault{"the user's token has ended or is no longer in memory", true,
                                        net::CredentialFault::SubjectTokenLost};
        });
}

}  // namespace flowctl::pg
