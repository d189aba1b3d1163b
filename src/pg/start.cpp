// Implementation of starting a run. See start.hpp.
#include "pg/start.hpp"

#include <charconv>

#include "core/json.hpp"
#include "pg/flow_rights.hpp"
#include "pg/audit.hpp"
#include "pg/guc.hpp"
#include "pg/pending_runs.hpp"
#include "pg/shmem.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/runs.hpp"
#include "pg/subject.hpp"
#include "pg/subject_tokens.hpp"
#include "pg/wake.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxNameLength = 80;

bool is_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxNameLength) return false;
    for (char c : name) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             c == '_' || c == '-';
        if (!allowed) return false;
    }
    return true;
}

// 'name' or 'name:version'.
struct Target {
    std::string name;
    std::optional<std::int32_t> version;
};

Target parse_target(const std::string& text) {
    const std::size_t colon = text.find(':');
    Target target{text.substr(0, colon), std::nullopt};
    if (!is_name(target.name))
        throw UserError(
            ERRCODE_INVALID_NAME, "\"" + shortened_name(text) + "\" is not the name of a flow",
            "Names of flows have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -; a version follows after "
            "a colon, as in 'fulfil:3'.");
    if (colon == std::string::npos) return target;
    const std::string_view digits = std::string_view(text).substr(colon + 1);
    std::int32_t version = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
    if (error != std::errc() || end != digits.data() + digits.size() || version < 1)
        throw UserError(
            ERRCODE_INVALID_PARAMETER_VALUE,
            "\"" + shortened_name(digits) + "\" is not a version of flow \"" + target.name + "\"",
            "Versions are whole numbers from 1, as in 'fulfil:3'; without one, the newest is started.");
    target.version = version;
    return target;
}

store::FlowRow find_flow(Spi& spi, const std::string& text) {
    const Target target = parse_target(text);
    std::optional<store::FlowRow> flow = store::find_flow(spi, target.name, target.version);
    if (flow) return *flow;
    if (target.version && store::flow_exists(spi, target.name))
        throw UserError(ERRCODE_UNDEFINED_OBJECT,
                        "flow \"" + target.name + "\" has no version " + std::to_string(*target.version),
                        "The view flowctl.flow_versions lists them.");
    throw UserError(ERRCODE_UNDEFINED_OBJECT, "flow \"" + target.name + "\" does not exist",
                    "Define it with flowctl.define_flow(); the view flowctl.flows lists what there is.");
}

// The flow that was started last, and by whose right. The rows of one statement start one flow, and looking
// it up takes longer than writing the run.
class LastFound {
  public:
    const store::FlowRow* find(const StartRequest& request) const {
        const bool same =
            flow_ && request.flow == text_ && request.must_may_start == right_of_ && seen_ == now();
        return same ? &*flow_ : nullptr;
    }
    void set(const StartRequest& request, const store::FlowRow& flow) {
        text_ = request.flow;
        right_of_ = request.must_may_start;
        flow_ = flow;
    }
    // The run is written: if nothing else has happened in the database until the next start, the same holds
    // then.
    void keep_for_next() { seen_ = now(); }

  private:
    // What would be seen: nothing changes as long as this does not.
    struct Seen {
        LocalTransactionId transaction = InvalidLocalTransactionId;
        CommandId command = 0;
        uint64 completed = 0;  // transactions, by all
        bool operator==(const Seen&) const = default;
    };
    static Seen now() {
        return guarded([] {
            const Snapshot snapshot = GetTransactionSnapshot();
            return Seen{local_transaction(), GetCurrentCommandId(false), snapshot->snapXactCompletionCount};
        });
    }

    std::string text_;
    Oid right_of_ = InvalidOid;
    std::optional<store::FlowRow> flow_;
    Seen seen_;
};
LastFound last_found;

store::FlowRow find_startable(Spi& spi, const StartRequest& request) {
    if (const store::FlowRow* found = last_found.find(request)) return *found;
    store::FlowRow flow = find_flow(spi, request.flow);
    if (!may_start(spi, flow.flow_id, flow.owner, request.must_may_start)) {
        audit::denied(
            request.starter, "start", flow.name,
            request.right_holder + " \"" + role_name(request.must_may_start) + "\" may not start the flow");
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "permission denied to start flow \"" + flow.name + "\"",
                        "Its owner can grant it: SELECT flowctl.grant_start('" + flow.name + "', " +
                            role_literal(request.must_may_start) + ").",
                        "The " + request.right_holder + " \"" + role_name(request.must_may_start) +
                            "\" is neither a member of the flow's owner \"" + role_name(flow.owner) +
                            "\" nor granted to start it.");
    }
    last_found.set(request, flow);
    return flow;
}

// The `sub` of the claims that PostgREST and Supabase set for a request. Nobody here has verified it.
std::optional<std::string> asserted_subject() {
    const char* claims = guarded([] { return GetConfigOption("request.jwt.claims", true, false); });
    if (claims == nullptr || *claims == '\0') return std::nullopt;
    json::ParseLimits limits;
    limits.max_bytes = 64 * 1024;
    limits.max_depth = 32;
    const auto parsed = json::parse(claims, limits);
    if (!parsed) return std::nullopt;
    const json::Value* subject = parsed->find("sub");
    if (subject == nullptr || !subject->is_string()) return std::nullopt;
    return std::string(first_bytes(subject->as_string(), 1024));
}

// The end user: whose token this session has handed over, else whom the server authenticated by one.
void add_subject(store::NewRun& run) {
    if (const auto user = subject::current()) {
        run.subject_handle = user->handle;
        // Whoever's token has ended is nobody; a step that needs it will say that it is lost.
        if (user->expires_at <= to_unix_micros(GetCurrentTimestamp())) return;
        run.subject = user->name;
        run.subject_issuer = user->issuer;
        run.subject_claims = user->claims;
    } else if (const auto login = oauth_login()) {
        run.subject = login->identity;
        if (login->issuer != nullptr) run.subject_issuer = login->issuer;
    }
}

// The token goes where the worker finds it.
void carry_token(const store::NewRun& run) {
    const auto user = subject::current();
    if (run.subject && user) subject_tokens::carry(user->handle, user->token.reveal(), user->expires_at);
}

store::NewRun describe(const store::FlowRow& flow, const StartRequest& request, Oid role) {
    store::NewRun run;
    run.run_id = new_run_id();
    run.flow_id = flow.flow_id;
    run.flow = flow.name;
    run.version = flow.version;
    run.type = flow.type;
    run.name = request.name;
    run.input = request.input;
    run.event = request.event;
    run.flow_owner = flow.owner;
    run.role = role;
    run.started_at = to_unix_micros(GetCurrentTimestamp());
    run.starter = request.starter;
    run.session_user = GetSessionUserId();
    if (const char* user = system_user()) run.system_user = user;
    run.asserted_subject = asserted_subject();
    add_subject(run);
    if (guc::traceparent != nullptr && *guc::traceparent != '\0') run.traceparent = guc::traceparent;
    return run;
}

// Whoever writes to a table has not chosen what its triggers start in his name, be it by a function of their
// own.
bool within_trigger() {
    return guarded([] { return DatumGetInt32(OidFunctionCall0(F_PG_TRIGGER_DEPTH)) > 0; });
}

Oid role_of_run(const store::FlowRow& flow, const StartRequest& request) {
    if (!flow.run_as_invoker) return flow.owner;
    if (request.by_trigger || within_trigger())
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "flow \"" + flow.name + "\" runs as its invoker and cannot be started by a trigger",
                        "Define the flow with the option run_as = OWNER.");
    if (guarded([&] { return superuser_arg(request.starter); }))
        throw UserError(
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "flow \"" + flow.name + "\" runs as its invoker and cannot be started by a superuser",
            "Start it as an ordinary role (SET ROLE), or define the flow with the option run_as = OWNER.");
    return request.starter;
}

}  // namespace

Uuid new_run_id() {
    static std::int64_t last = 0;
    // The 12 bits behind the milliseconds count fractions of one (RFC 9562 §6.2, method 3).
    std::int64_t now = to_unix_micros(GetCurrentTimestamp());
    if (now <= last) now = last + 1;
    last = now;
    const std::uint64_t millis = static_cast<std::uint64_t>(now / 1000);
    const std::uint32_t fraction = static_cast<std::uint32_t>((now % 1000) * 4096 / 1000);
    Uuid id;
    if (!pg_strong_random(id.data() + 8, 8))
        throw UserError(ERRCODE_INTERNAL_ERROR, "could not generate a random run id");
    for (int i = 0; i < 6; i++)
        id[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
    id[6] = static_cast<std::uint8_t>(0x70 | (fraction >> 8));
    id[7] = static_cast<std::uint8_t>(fraction);
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    return id;
}

void check_payload(const std::string& text, const std::string& what) {
    if (text.size() > static_cast<std::size_t>(guc::max_payload_bytes))
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                        what + " has " + std::to_string(text.size()) + " bytes, more than the limit of " +
                            std::to_string(guc::max_payload_bytes),
                        "Pass a key instead of the data, or raise flowctl.max_payload_bytes.");
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    const auto parsed = json::parse(text, limits);
    if (!parsed)
        throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                        what + " cannot be kept as JSON: " + parsed.error().message,
                        "Leave the offending value out, or store it as a string.",
                        "At byte " + std::to_string(parsed.error().offset + 1) + ".");
}

Uuid start_run(const StartRequest& request) {
    shmem::require("starting a flow");
    if (request.name && !is_name(*request.name))
        throw UserError(ERRCODE_INVALID_NAME,
                        "\"" + shortened_name(*request.name) + "\" is not a valid name for a run",
                        "Names of runs have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    require_writable("start a flow");
    const std::string what =
        "input of flow \"" + shortened_name(request.flow.substr(0, request.flow.find(':'))) + "\"";
    check_payload(request.input, what);

    const AsExtensionOwner owner;
    Spi spi;
    const store::FlowRow flow = find_startable(spi, request);
    store::NewRun run = describe(flow, request, role_of_run(flow, request));
    if (request.name && !store::take_name(spi, flow.flow_id, *request.name, run.run_id)) {
        const store::NamedRun named = store::find_named(spi, flow.flow_id, *request.name, request.input);
        if (named.found && named.same_input) return named.run_id;
        if (named.found)
            throw UserError(
                ERRCODE_DUPLICATE_OBJECT,
                "flow \"" + flow.name + "\" has a run named \"" + *request.name + "\" with another input",
                "Choose another name: a name stands for one input as long as its run is kept.");
        store::replace_name(spi, flow.flow_id, *request.name, run.run_id);
    }
    carry_token(run);
    const Uuid id = run.run_id;
    if (request.by_trigger)
        pending_runs::add(std::move(run));
    else
        store::insert_runs(&run, 1);
    wake::note_started_run(id);
    last_found.keep_for_next();
    return id;
}

bool record_failed_start(const StartRequest& request, const std::string& error, const std::string& cause) {
    const AsExtensionOwner owner;
    Spi spi;
    const Target target = parse_target(request.flow);
    std::optional<store::FlowRow> flow = store::find_flow(spi, target.name, target.version);
    if (!flow) return false;
    store::NewRun run = describe(*flow, request, flow->owner);
    run.input = "{}";
    run.name.reset();
    run.error = error;
    run.cause = cause;
    store::insert_runs(&run, 1);
    return true;
}

}  // namespace flowctl::pg
