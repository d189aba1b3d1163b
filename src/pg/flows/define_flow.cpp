// SQL functions define_flow and validate: from the text of a definition to a version in the catalog.
//
// A version is immutable, and runs keep the one they started with, so defining is adding a row: the same
// definition (as JSON, so white space does not count) with the same options as the newest version is that
// version. Every mistake that can be found without running is refused here, all findings at once. Two
// sessions that define one flow at the same time get two successive versions: the row of the flow is the
// lock. The engine's tables are touched as the extension's owner, and nothing else happens meanwhile.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/asl/flow_name.hpp"
#include "core/json.hpp"
#include "pg/events/event_performer.hpp"
#include "pg/events/subscriptions.hpp"
#include "pg/flow_options/flow_options.hpp"
#include "pg/flows/alter_flow.hpp"
#include "pg/flows/definition_check.hpp"
#include "pg/rights/denials.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/interruptible.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/installation.hpp"

namespace flowctl::pg {

namespace {

Statement insert_flow(R"(
    INSERT INTO flowctl_catalog.flow (name, owner, type, latest_version, comment)
    VALUES ($1, $2, $3, 1, $4) ON CONFLICT (name) DO NOTHING RETURNING flow_id)",
                      {TEXTOID, OIDOID, TEXTOID, TEXTOID});
Statement insert_version(R"(
    INSERT INTO flowctl_catalog.flow_version (flow_id, version, definition, options, author, event_types)
    VALUES ($1, $2, $3, $4::pg_catalog.jsonb, pg_catalog.pg_get_userbyid($5), $6))",
                         {UUIDOID, INT4OID, TEXTOID, TEXTOID, OIDOID, TEXTARRAYOID});
Statement read_version(
    "SELECT definition, options::pg_catalog.text FROM flowctl_catalog.flow_version WHERE flow_id = $1 AND "
    "version = "
    "$2",
    {UUIDOID, INT4OID});
Statement update_flow("UPDATE flowctl_catalog.flow SET latest_version = $2, comment = $3 WHERE flow_id = $1",
                      {UUIDOID, INT4OID, TEXTOID});

constexpr std::size_t kMaxCommentBytes = 8192;
constexpr const char* kTypesHint = "The types are STANDARD and EXPRESS.";
constexpr const char* kDefinitionHint = "Pass a definition in Amazon States Language, as JSON.";

// ------------------------------------------------------------------------------------------ arguments

struct Request {
    std::string name;
    std::string definition;
    std::string type;
    std::optional<std::string> comment;
    json::Value options;       // of the version, complete
    json::Value flow_options;  // of the flow, those that are given
    Oid user = InvalidOid;

    VersionOptions version_options() const { return read_version_options(json::dump(options)); }
    bool as_owner() const { return !version_options().run_as_invoker; }
    bool as_superuser() const { return version_options().run_as_superuser; }
};

constexpr std::string_view kRunAsSuperuser = "run_as_superuser";

void check_run_as_superuser(const Request& request) {
    if (!request.as_superuser()) return;
    if (!guarded([&] { return superuser_arg(request.user); }))
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "permission denied to set option " + in_quotes(kRunAsSuperuser) + " of a flow",
                        "Only superusers may.");
    if (!request.as_owner())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "option " + in_quotes(kRunAsSuperuser) + " contradicts run_as INVOKER",
                        "A flow that runs as its invoker cannot be started by a superuser. Leave one of the "
                        "two out.");
}

DividedOptions options_argument(FunctionCallInfo fcinfo, int index) {
    const auto text = jsonb_argument_text(fcinfo, index);
    if (!text)
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "options must not be null",
                        "Leave them out for the defaults.");
    const auto parsed = json::parse(*text);
    if (!parsed)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "options cannot be read: " + parsed.error().message,
                        "Pass a JSON object, for example '{\"run_as\": \"OWNER\"}'.");
    return divide_options(*parsed);
}

asl::FlowType flow_type(const std::string& name) {
    if (name == "STANDARD") return asl::FlowType::Standard;
    if (name == "EXPRESS") return asl::FlowType::Express;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "invalid type of flow: " + in_quotes(shortened_name(name)), kTypesHint);
}

Request read_request(FunctionCallInfo fcinfo) {
    Request request;
    request.user = GetUserId();
    request.name = required_argument(fcinfo, 0, "name", "Name the flow.");
    if (!asl::is_flow_name(request.name))
        throw UserError(ERRCODE_INVALID_NAME,
                        in_quotes(shortened_name(request.name)) + " cannot be the name of a flow",
                        "Names of flows have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    request.definition = required_argument(fcinfo, 1, "definition", kDefinitionHint);
    request.type = required_argument(fcinfo, 2, "type", kTypesHint);
    (void)flow_type(request.type);
    request.comment = text_argument(fcinfo, 3);
    if (request.comment && request.comment->size() > kMaxCommentBytes)
        throw UserError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "comment of a flow is longer than 8192 bytes",
                        "Shorten it.");
    const DividedOptions options = options_argument(fcinfo, 4);
    request.options = complete_version_options(options.version);
    request.flow_options = options.flow;
    check_flow_options(request.flow_options);
    check_run_as_superuser(request);
    return request;
}

// ------------------------------------------------------------------------------------------ findings

const char* severity_of(const asl::Finding& finding) {
    return finding.severity == asl::Finding::Severity::Error ? "ERROR" : "WARNING";
}

std::string line_of(const asl::Finding& finding) {
    return (finding.location.empty() ? std::string("(definition)") : finding.location) + ": " +
           finding.message;
}

std::string list_errors(const std::vector<asl::Finding>& findings) {
    std::string list;
    for (const asl::Finding& finding : findings) {
        if (finding.severity != asl::Finding::Severity::Error) continue;
        if (!list.empty()) list += '\n';
        list += line_of(finding);
    }
    return list;
}

void report_warnings(const Request& request, const std::vector<asl::Finding>& findings) {
    for (const asl::Finding& finding : findings) {
        if (finding.severity != asl::Finding::Severity::Warning) continue;
        const std::string message = "definition of flow " + in_quotes(request.name) + ": " + line_of(finding);
        const char* text = message.c_str();
        guarded([&] { ereport(WARNING, (errcode(ERRCODE_WARNING), errmsg_internal("%s", text))); });
    }
}

struct Reason {
    int sqlstate;
    const char* hint;
};

Reason reason_of(std::string_view code) {
    if (code == kNotPermitted)
        return {
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "The flow's role needs USAGE on the endpoint, a user mapping at its issuer, and a policy that "
            "permits the call where one names the endpoint; the endpoint's owner needs USAGE on the "
            "issuer."};
    if (code == kNotFound)
        return {ERRCODE_UNDEFINED_OBJECT,
                "An endpoint is a foreign server of wrapper flowctl_http: CREATE SERVER."};
    if (code == kActivityNotGranted)
        return {ERRCODE_INSUFFICIENT_PRIVILEGE,
                "The activity's owner can grant it to the flow's role: SELECT flowctl.grant_activity(name, role)."};
    if (code == kBadEvent)
        return {ERRCODE_INVALID_PARAMETER_VALUE,
                "The parameters are Type, and Subject, Match and Since where they are wanted; Match is JSONata over the event."};
    if (code == kNoActivity)
        return {ERRCODE_UNDEFINED_OBJECT, "Authors create activities with flowctl.create_activity()."};
    if (code == kFunctionNotGranted)
        return {ERRCODE_INSUFFICIENT_PRIVILEGE,
                "The flow's role needs EXECUTE on the function and USAGE on its schema."};
    if (code == kNoFunction)
        return {ERRCODE_UNDEFINED_FUNCTION, "Create the function first; a step names it with its schema."};
    if (code == kFunctionNotUsable)
        return {ERRCODE_WRONG_OBJECT_TYPE,
                "A step calls an ordinary function. Members of the input are its arguments, by name; a function with "
                "one parameter of type jsonb or json gets the whole input."};
    if (code == kNotSupported)
        return {ERRCODE_FEATURE_NOT_SUPPORTED,
                "A service of your own can do it: name its endpoint as flowctl:http:<server>."};
    return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "ALTER SERVER or ALTER USER MAPPING mends its options."};
}

// Raises an error that lists every ERROR finding.
void refuse_errors(const Request& request, const std::vector<asl::Finding>& in_definition,
                   const std::vector<asl::Finding>& in_catalog) {
    std::string errors = list_errors(in_definition);
    if (!errors.empty())
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "definition of flow " + in_quotes(request.name) + " is not valid",
                        "flowctl.validate(definition) lists the findings as rows.", std::move(errors));
    errors = list_errors(in_catalog);
    if (errors.empty()) return;
    for (const asl::Finding& finding : in_catalog)
        if (finding.code == kNotPermitted || finding.code == kActivityNotGranted ||
            finding.code == kFunctionNotGranted)
            denials::report(request.user, "define_flow", request.name,
                            finding.location + ": " + finding.message);
    const auto first = std::find_if(in_catalog.begin(), in_catalog.end(), [](const asl::Finding& finding) {
        return finding.severity == asl::Finding::Severity::Error;
    });
    const Reason reason = reason_of(first->code);
    throw UserError(reason.sqlstate,
                    "definition of flow " + in_quotes(request.name) + " uses what it cannot have",
                    reason.hint, std::move(errors));
}

// The findings that need no lock, in the order in which they are useful: rights, definition, relations.
void check(const Request& request, Oid flow_owner) {
    const asl::Compiled compiled =
        interruptible([&] { return asl::compile(request.definition, flow_type(request.type)); });
    refuse_errors(request, compiled.findings, {});
    const std::vector<asl::Finding> in_catalog =
        check_resources(request.definition, {request.name, flow_owner,
                                             request.as_owner() ? std::optional(flow_owner) : std::nullopt,
                                             request.as_superuser()});
    refuse_errors(request, {}, in_catalog);
    report_warnings(request, compiled.findings);
    report_warnings(request, in_catalog);
}

// ------------------------------------------------------------------------------------------ versions

bool same_json(const std::string& a, const std::string& b) {
    const auto left = json::parse(a);
    const auto right = json::parse(b);
    return left && right && json::dump(*left) == json::dump(*right);
}

bool is_version(Spi& spi, const FlowIdentity& flow, const Request& request) {
    Rows rows = spi.run(read_version, std::move(Params().uuid(flow.flow_id).int4(flow.latest_version)));
    if (rows.size() == 0) return false;
    const auto options = json::parse(rows.text(0, 1));
    return options && json::equal(complete_version_options(*options), request.options) &&
           same_json(rows.text(0, 0), request.definition);
}

void add_version(Spi& spi, const Uuid& flow_id, std::int32_t version, const Request& request) {
    const std::vector<std::string> types = event_tasks::awaited_types(request.definition);
    const std::vector<std::optional<std::string_view>> column(types.begin(), types.end());
    Params params;
    params.uuid(flow_id).int4(version).text(request.definition).text(json::dump(request.options)).oid(request.user);
    types.empty() ? params.null() : params.texts(column);
    spi.run(insert_version, std::move(params));
    if (!types.empty()) events::subscriptions::changed();
}

void require_type(const FlowIdentity& flow, const Request& request) {
    if (flow.type == request.type) return;
    throw UserError(
        ERRCODE_INVALID_PARAMETER_VALUE, "flow " + in_quotes(flow.name) + " has type " + flow.type,
        "The type of a flow is fixed: pass type => '" + flow.type + "', or define a flow of another name.");
}

std::int32_t next_version(Spi& spi, const FlowIdentity& flow, const Request& request) {
    const bool same = is_version(spi, flow, request);
    const std::int32_t version = same ? flow.latest_version : flow.latest_version + 1;
    if (!same) add_version(spi, flow.flow_id, version, request);
    const bool new_comment = request.comment && request.comment != flow.comment;
    if (!same || new_comment)
        spi.run(update_flow, std::move(Params()
                                           .uuid(flow.flow_id)
                                           .int4(version)
                                           .text(request.comment ? request.comment : flow.comment)));
    return version;
}

std::optional<FlowIdentity> existing_flow(const std::string& name) {
    const AsExtensionOwner owner;
    Spi spi;
    return find_flow_by_name(spi, name, FlowLock::None);
}

// Writes the version; nullopt when the flow's owner is no longer the one for whom the definition was checked.
std::optional<std::int32_t> store_version(const Request& request, Oid checked_owner) {
    const AsExtensionOwner owner;
    Spi spi;
    if (auto flow = find_flow_by_name(spi, request.name, FlowLock::Change)) {
        require_owner(*flow, request.user, "redefine");
        require_type(*flow, request);
        if (flow->owner != checked_owner) return std::nullopt;
        const std::int32_t version = next_version(spi, *flow, request);
        set_flow_options(spi, *flow, request.flow_options);
        return version;
    }
    if (checked_owner != request.user) return std::nullopt;
    Rows rows = spi.run(
        insert_flow,
        std::move(Params().text(request.name).oid(request.user).text(request.type).text(request.comment)));
    if (rows.size() == 0) return std::nullopt;  // another session was faster
    const Uuid flow_id = rows.uuid(0, 0);
    add_version(spi, flow_id, 1, request);
    set_flow_options(spi, {flow_id, request.name, request.user, request.type, 1, request.comment},
                     request.flow_options);
    return 1;
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_define_flow) {
    require_writable("define a flow");
    require_author("define flows");
    const Request request = read_request(fcinfo);
    for (;;) {
        const auto flow = existing_flow(request.name);
        if (flow) {
            require_owner(*flow, request.user, "redefine");
            require_owned(flow->name, flow->owner);
            require_type(*flow, request);
        }
        const Oid flow_owner = flow ? flow->owner : request.user;
        check(request, flow_owner);
        if (const auto version = store_version(request, flow_owner)) {
            notice_if_waiting();
            PG_RETURN_INT32(*version);
        }
        guarded([] { CHECK_FOR_INTERRUPTS(); });
    }
}

FLOWCTL_FUNCTION(flowctl_validate) {
    require_author("validate definitions");
    const std::string definition = required_argument(fcinfo, 0, "definition", kDefinitionHint);
    const asl::FlowType type = flow_type(required_argument(fcinfo, 1, "type", kTypesHint));
    asl::Compiled compiled = interruptible([&] { return asl::compile(definition, type); });
    if (compiled.flow != nullptr)
        for (asl::Finding& finding : find_missing(definition))
            compiled.findings.push_back(std::move(finding));
    guarded([&] { InitMaterializedSRF(fcinfo, 0); });
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (const asl::Finding& finding : compiled.findings) {
        Datum values[] = {to_text(severity_of(finding)), to_text(finding.code), to_text(finding.location),
                          to_text(finding.message)};
        bool nulls[4] = {};
        guarded([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
    }
    return Datum(0);
}

}  // namespace flowctl::pg
