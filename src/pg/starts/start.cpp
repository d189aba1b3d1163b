// Implementation of starting a run. See start.hpp.
#include "pg/starts/start.hpp"

#include <algorithm>
#include <vector>

#include "core/asl/flow_name.hpp"
#include "core/json.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/rights/session_user.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/current_step.hpp"
#include "pg/server/guc.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/shared/subject_tokens.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/attributes.hpp"
#include "pg/starts/input_check.hpp"
#include "pg/starts/open_run_quota.hpp"
#include "pg/starts/pending_runs.hpp"
#include "pg/starts/startable.hpp"
#include "pg/starts/wait_at_start.hpp"
#include "pg/store/flows.hpp"
#include "pg/store/new_runs.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg {

namespace {

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
    if (const auto user = session_user::current()) {
        run.subject_handle = user->handle;
        // A user whose token has ended is not recorded; a step that needs the token will say that it is lost.
        if (user->expires_at <= unix_micros_now()) return;
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
    const auto user = session_user::current();
    if (run.subject && user)
        subject_tokens::carry(user->handle, user->token.reveal(), user->expires_at, user->issuer, user->name);
}

// A function of a SQL step starts runs for the user of its own run. They are one flow deeper, so that flows which
// start one another in a circle end here as well.
void add_step(store::NewRun& run, const CurrentStep& step) {
    run.depth = step.depth + 1;
    if (run.depth > guc::max_flow_depth)
        throw UserError(ERRCODE_STATEMENT_TOO_COMPLEX,
                        "the step's run is " + std::to_string(step.depth) + " flows deep, and flowctl.max_flow_depth is " +
                            std::to_string(guc::max_flow_depth),
                        "Flows whose steps start one another in a circle end here.");
    if (run.subject) return;
    run.subject = step.subject;
    run.subject_issuer = step.subject_issuer;
    run.subject_claims = step.subject_claims;
}

// Who starts the run and in which session. The session of a run that starts another one is in its row.
void add_session(store::NewRun& run) {
    run.session_user = GetSessionUserId();
    if (const char* user = system_user()) run.system_user = user;
    add_subject(run);
    if (current_step != nullptr)
        add_step(run, *current_step);
    else
        run.asserted_subject = asserted_subject();
    if (guc::traceparent != nullptr && *guc::traceparent != '\0') run.traceparent = guc::traceparent;
}

void add_parent(store::NewRun& run, const ParentRun& parent) {
    run.parent_run_id = parent.id;
    run.depth = parent.depth + 1;
    run.subject = parent.subject;
    run.subject_issuer = parent.subject_issuer;
    run.subject_claims = parent.subject_claims;
    run.subject_handle = parent.subject_handle;
    run.traceparent = parent.traceparent;
}

store::NewRun describe(const store::FlowRow& flow, const StartRequest& request, const Uuid& run_id,
                       Oid role) {
    store::NewRun run;
    run.run_id = run_id;
    run.flow_id = flow.flow_id;
    run.flow = flow.name;
    run.version = flow.version;
    run.alias = flow.alias;
    run.type = flow.type;
    run.name = request.name;
    run.input = request.input;
    run.event = request.event;
    run.forked_from = request.forked_from;
    run.flow_owner = flow.owner;
    run.role = role;
    run.started_at = unix_micros_now();
    run.starter = request.starter;
    run.awaits_events = flow.awaits_events;
    if (request.parent != nullptr)
        add_parent(run, *request.parent);
    else if (request.by_worker)
        run.session_user = request.starter;
    else
        add_session(run);
    return run;
}

// A trigger runs under the writer's name although the writer did not choose it, and it may start a flow by a
// function of its own. So a run that acts as its invoker must not be started from within a trigger.
bool within_trigger() {
    return guarded([] { return DatumGetInt32(OidFunctionCall0(F_PG_TRIGGER_DEPTH)) > 0; });
}

Oid role_of_run(const store::FlowRow& flow, const StartRequest& request) {
    if (!flow.version_options.run_as_invoker) return flow.owner;
    if (request.table != nullptr || request.rule != nullptr || within_trigger())
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "flow \"" + flow.name + "\" runs as its invoker and cannot be started by " +
                            (request.rule != nullptr ? "an event rule" : "a trigger"),
                        "Define the flow with the option run_as = OWNER.");
    if (guarded([&] { return superuser_arg(request.starter); }))
        throw UserError(
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "flow \"" + flow.name + "\" runs as its invoker and cannot be started by a superuser",
            "Start it as an ordinary role (SET ROLE), or define the flow with the option run_as = OWNER.");
    return request.starter;
}

// How messages name it.
std::string input_named(std::string_view flow) {
    return "input of flow \"" + shortened_name(flow.substr(0, flow.find(':'))) + "\"";
}

void check_size(std::string_view text, std::string_view flow) {
    if (text.size() <= static_cast<std::size_t>(guc::max_payload_bytes)) return;
    throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                    input_named(flow) + " has " + std::to_string(text.size()) +
                        " bytes, more than the limit of " + std::to_string(guc::max_payload_bytes),
                    "Pass a key instead of the data, or raise flowctl.max_payload_bytes.");
}

void check_content(std::string_view text, std::string_view flow) {
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    const auto refused = json::check(text, limits);
    if (!refused) return;
    throw UserError(ERRCODE_INVALID_TEXT_REPRESENTATION,
                    input_named(flow) + " cannot be kept as JSON: " + refused->message,
                    "Leave the offending value out, or store it as a string.",
                    "At byte " + std::to_string(refused->offset + 1) + ".");
}

// Gives the run the name it asks for; the id of the run that has it already, for the same input.
std::optional<Uuid> take_name(const store::NewRun& run) {
    const AsExtensionOwner owner;
    Spi spi;
    if (store::take_name(spi, run.flow_id, *run.name, run.run_id)) return std::nullopt;
    const store::NamedRun named = store::find_named(spi, run.flow_id, *run.name, run.input);
    if (named.found && named.same_input) return named.run_id;
    if (named.found)
        throw UserError(ERRCODE_DUPLICATE_OBJECT,
                        "flow \"" + run.flow + "\" has a run named \"" + *run.name + "\" with another input",
                        "Choose another name: a name stands for one input as long as its run is kept.");
    store::replace_name(spi, run.flow_id, *run.name, run.run_id);
    return std::nullopt;
}

void check_request(const StartRequest& request) {
    if (request.name && !asl::is_flow_name(*request.name))  // a run's name has the form of a flow's
        throw UserError(ERRCODE_INVALID_NAME,
                        "\"" + shortened_name(*request.name) + "\" is not a valid name for a run",
                        "Names of runs have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    require_writable("start a flow");
    check_size(request.input, request.flow);
    if (!request.input_is_fit) check_content(request.input, request.flow);
}

// Adds what the flow's options find in the input.
void add_from_input(const store::FlowRow& flow, const StartRequest& request, store::NewRun& run) {
    StartInput input(request);
    check_input(flow, input);
    // The keys come first: a start fails without them, but not for want of an attribute.
    run.wait = wait_at_start(flow, run, input);
    run.attributes = attributes_of(flow, input);
    if (flow.options->start_within) run.begins_until = run.started_at + *flow.options->start_within;
    if (flow.options->finish_within) run.ends_until = run.started_at + *flow.options->finish_within;
}

// An alias may lead to another version for each run.
bool names_alias(const StartRequest& request) {
    const asl::FlowReference reference = asl::parse_flow_reference(request.flow);
    return reference.qualifier && !reference.version();
}

void make_pattern(const StartRequest& request, const Uuid& id, StartPattern& pattern) {
    StartRequest common;
    common.flow = request.flow;
    common.starter = request.starter;
    const store::FlowRow flow = find_startable(request, id);
    auto run = std::make_shared<store::NewRun>(describe(flow, common, id, role_of_run(flow, request)));
    pattern.is_all = !flow.version_options.input_schema && !flow.options->limits.any() && !flow.paused &&
                     flow.options->attributes.empty() && !flow.options->start_within && !flow.options->finish_within &&
                     !flow.awaits_events;
    pattern.run = std::move(run);
    pattern.flow = flow;
}

// Gives the run its name, counts it, and hands it over to be written.
Uuid begin_run(store::NewRun run, bool is_of_trigger) {
    if (run.name)
        if (const auto earlier = take_name(run)) return *earlier;
    open_run_quota::take(run.flow_owner);
    carry_token(run);
    const FreshRun fresh{run.run_id, run.flow_owner, run.wait.has_value()};
    const bool is_expected = run.begins_until || run.ends_until;
    // A run with a name is not held: the next row may have the same name, and looks for the run in the table.
    if (is_of_trigger && !run.name) {
        pending_runs::add(std::move(run));
    } else {
        const AsExtensionOwner owner(AsExtensionOwner::For::Rows);
        store::insert_runs(&run, 1);
    }
    wake::note_started_run(fresh);
    if (is_expected) wake::note_poke();
    return fresh.id;
}

}  // namespace

store::NewRun run_of_session() {
    store::NewRun run;
    add_session(run);
    return run;
}

store::NewRun make_run(const StartRequest& request) {
    check_request(request);
    const Uuid id = request.run_id ? *request.run_id : new_run_id();
    const store::FlowRow flow = find_startable(request, id);
    store::NewRun run = describe(flow, request, id, role_of_run(flow, request));
    add_from_input(flow, request, run);
    return run;
}

Uuid start_run(const StartRequest& request) {
    shmem::require("starting a flow");
    return begin_run(make_run(request), request.table != nullptr);
}

Uuid start_similar_run(StartRequest request, StartPattern& pattern) {
    shmem::require("starting a flow");
    if (!pattern.flow && names_alias(request)) return start_run(request);
    check_request(request);
    const Uuid id = request.run_id ? *request.run_id : new_run_id();
    if (!pattern.flow) make_pattern(request, id, pattern);
    if (pattern.is_all && !request.name) {
        open_run_quota::take(pattern.run->flow_owner);
        carry_token(*pattern.run);
        const FreshRun fresh{id, pattern.run->flow_owner, false};
        pending_runs::add_similar(pattern.run,
                                  {id, std::move(request.input), std::move(request.event), unix_micros_now()});
        wake::note_started_run(fresh);
        return id;
    }
    store::NewRun run = *pattern.run;
    run.run_id = id;
    run.name = request.name;
    run.input = request.input;
    run.event = request.event;
    run.started_at = unix_micros_now();
    add_from_input(*pattern.flow, request, run);
    return begin_run(std::move(run), true);
}

void carry_token_of_parent(const store::NewRun& run) {
    if (run.subject_handle) subject_tokens::carry_too(*run.subject_handle);
}

std::optional<std::string> objection_to_start(const std::string& flow, Oid role) {
    StartRequest request;
    request.flow = flow;
    request.starter = role;
    request.must_may_start = role;
    request.only_looks = true;
    try {
        (void)find_startable(request, new_run_id());
    } catch (const UserError& error) {
        return error.message;
    }
    return std::nullopt;
}

bool record_failed_start(const StartRequest& request, const std::string& error, const std::string& cause) {
    const AsExtensionOwner owner;
    Spi spi;
    const Uuid id = request.run_id ? *request.run_id : new_run_id();
    const std::optional<store::FlowRow> flow = find_if_startable(spi, request, id);
    if (!flow) return false;
    store::NewRun run = describe(*flow, request, id, flow->owner);
    run.input = "{}";
    run.name.reset();
    run.error = error;
    run.cause = cause;
    store::insert_runs(&run, 1);
    return true;
}

}  // namespace flowctl::pg
