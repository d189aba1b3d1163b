// flowctl.create_event_rule(), alter_event_rule(), drop_event_rule(), enable_event_rule(), disable_event_rule().
//
// A rule belongs to the role that creates it, and that role must be allowed to start the flow: when the rule is
// created or enabled, and again whenever it starts a run. Whoever may not see a rule does not learn whether it exists.
#include <optional>
#include <string>

#include "core/asl/flow_name.hpp"
#include "core/json.hpp"
#include "pg/events/rule_options.hpp"
#include "pg/flow_options/flow_expression.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/quoting.hpp"
#include "pg/server/spi.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/startable.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg::events {

namespace {

Statement insert_rule_sql(R"(
    INSERT INTO flowctl_catalog.event_rule (name, owner, flow, event, filter, input, comment, options, emitters)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::pg_catalog.jsonb,
            (SELECT pg_catalog.array_agg(e::flowctl_catalog.role_ref) FROM pg_catalog.unnest($9::oid[]) e))
    ON CONFLICT (name) DO NOTHING)",
                          {TEXTOID, OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID});
Statement update_rule_sql(R"(
    UPDATE flowctl_catalog.event_rule
    SET flow = $2, event = $3, filter = $4, input = $5, comment = $6, options = $7::pg_catalog.jsonb,
        emitters = (SELECT pg_catalog.array_agg(e::flowctl_catalog.role_ref) FROM pg_catalog.unnest($8::oid[]) e)
    WHERE rule_id = $1)",
                          {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID});
Statement find_rule_sql(R"(
    SELECT rule_id, owner::oid, flow, event, filter, input, comment, options::pg_catalog.text,
           (SELECT pg_catalog.jsonb_agg(e::pg_catalog.text ORDER BY n)::pg_catalog.text
            FROM pg_catalog.unnest(emitters) WITH ORDINALITY u (e, n))
    FROM flowctl_catalog.event_rule WHERE name = $1 FOR UPDATE)",
                        {TEXTOID});
Statement find_owner_sql("SELECT owner::oid FROM flowctl_catalog.event_rule WHERE name = $1", {TEXTOID});
Statement delete_rule_sql("DELETE FROM flowctl_catalog.event_rule WHERE rule_id = $1", {UUIDOID});
Statement delete_window_sql("DELETE FROM flowctl_catalog.event_window WHERE rule_id = $1", {UUIDOID});
Statement enable_rule_sql(
    "UPDATE flowctl_catalog.event_rule SET enabled = true, disabled_reason = NULL WHERE rule_id = $1 AND NOT enabled",
    {UUIDOID});
Statement disable_by_hand_sql(
    "UPDATE flowctl_catalog.event_rule SET enabled = false, disabled_reason = $2 WHERE rule_id = $1 AND enabled",
    {UUIDOID, TEXTOID});

constexpr std::size_t kMaxRuleComment = 8'192;

// What a rule says.
struct Terms {
    std::string flow, event;
    std::optional<std::string> filter, input, comment;
    json::Value options;  // complete, with emitters
    bool operator==(const Terms& other) const {
        return flow == other.flow && event == other.event && filter == other.filter && input == other.input &&
               comment == other.comment && json::equal(options, other.options);
    }
};

struct StoredRule {
    Uuid id{};
    Oid owner = InvalidOid;
    Terms terms;
};

std::string rule_name_argument(FunctionCallInfo fcinfo) {
    std::string name = required_argument(fcinfo, 0, "name", "Name the event rule.");
    if (!asl::is_flow_name(name))
        throw UserError(ERRCODE_INVALID_NAME,
                        in_quotes(shortened_name(name)) + " is not a valid name for an event rule",
                        "Names of event rules have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    return name;
}

// An empty text stands for none.
std::optional<std::string> present(std::optional<std::string> text) {
    if (text && text->empty()) return std::nullopt;
    return text;
}

json::Value options_argument(FunctionCallInfo fcinfo, int index) {
    const auto printed = jsonb_argument_text(fcinfo, index);
    if (!printed) return json::Value::object({});
    const auto given = json::parse(*printed);
    if (!given)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "options are not valid: " + given.error().message,
                        "For example: {\"within\": \"5 min\", \"threshold\": 3}.");
    return *given;
}

json::Value without_nulls(const json::Value& options) {
    json::ObjectBuilder out;
    for (const json::Member& member : options.members())
        if (!member.value.is_null()) out.add(member.key, member.value);
    return out.build();
}

void check_expression(const char* what, const std::optional<std::string>& text) {
    if (!text) return;
    const auto compiled = FlowExpression::compile(*text);
    if (compiled) return;
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, std::string(what) + " of the event rule is not a valid expression",
                    "It is JSONata over the event, such as data.total > 100.", compiled.error());
}

// Raises what is wrong with the terms, and that `owner` may not start the flow.
void check_terms(const std::string& rule, const Terms& terms, Oid owner) {
    if (!is_pattern(terms.event))
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        in_quotes(shortened_name(terms.event)) + " is not a valid type of events",
                        "It is a type such as 'order.paid', or the beginning of types and *, as in 'order.*'.");
    check_expression("filter", terms.filter);
    check_expression("input", terms.input);
    (void)read_rule_options(terms.options);
    StartRequest request;
    request.flow = terms.flow;
    request.starter = GetUserId();
    request.must_may_start = owner;
    request.only_looks = true;
    request.rule = rule.c_str();
    const store::FlowRow flow = find_startable(request, new_run_id());
    if (flow.version_options.run_as_invoker)
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        "flow " + in_quotes(flow.name) + " runs as its invoker and cannot be started by an event rule",
                        "Define the flow with the option run_as = OWNER.");
}

// The roles as an array's text; nullopt: there are none.
std::optional<std::string> oids_of_emitters(const Terms& terms) {
    const RuleOptions options = read_rule_options(terms.options);
    if (!options.emitters) return std::nullopt;
    std::string text = "{";
    for (const std::string& name : *options.emitters) {
        const char* const role = name.c_str();
        const Oid oid = guarded([role] { return get_role_oid(role, true); });
        if (!OidIsValid(oid))
            throw UserError(ERRCODE_UNDEFINED_OBJECT, "role " + in_quotes(shortened_name(name)) + " does not exist",
                            "The option emitters of an event rule lists names of roles.");
        text += (text.size() > 1 ? "," : "") + std::to_string(oid);
    }
    return text + "}";
}

// As they are stored beside the column emitters.
std::string other_options(const Terms& terms) {
    json::ObjectBuilder out;
    for (const json::Member& member : terms.options.members())
        if (member.key != "emitters") out.add(member.key, member.value);
    return json::dump(out.build());
}

std::optional<StoredRule> find_rule(Spi& spi, const std::string& name) {
    const Rows rows = spi.run(find_rule_sql, std::move(Params().text(name)));
    if (rows.size() == 0) return std::nullopt;
    StoredRule rule;
    rule.id = rows.uuid(0, 0);
    if (!rows.is_null(0, 1)) rule.owner = rows.oid(0, 1);
    rule.terms = {rows.text(0, 2), rows.text(0, 3), rows.optional_text(0, 4), rows.optional_text(0, 5),
                  rows.optional_text(0, 6), {}};
    auto options = json::parse(rows.text(0, 7));
    rule.terms.options = options ? std::move(options).value() : json::Value::object({});
    if (const auto emitters = rows.optional_text(0, 8))
        if (const auto list = json::parse(*emitters))
            rule.terms.options = json::with_member(rule.terms.options, "emitters", *list);
    return rule;
}

// Raises 42501 with the same words if there is no such rule and if it is another role's.
StoredRule get_own_rule(Spi& spi, const std::string& name, Oid user, const char* what) {
    const Rows rows = spi.run_latest(find_owner_sql, std::move(Params().text(name)));
    if (rows.size() == 0 && sees_all(user))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "event rule " + in_quotes(name) + " does not exist",
                        "The view flowctl.event_rules lists what there is.");
    const bool owns = rows.size() == 1 &&
                      (rows.is_null(0, 0) ? guarded([&] { return superuser_arg(user); }) : acts_for(user, rows.oid(0, 0)));
    std::optional<StoredRule> rule;
    if (owns) rule = find_rule(spi, name);
    if (!rule)
        throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        std::string("permission denied to ") + what + " event rule " + in_quotes(name),
                        "The view flowctl.event_rules lists the event rules that you may see.",
                        "Either event rule " + in_quotes(name) +
                            " does not exist, or the current role is not a member of its owner.");
    return *rule;
}

void store_terms(Spi& spi, const Uuid& id, const Terms& terms) {
    Params params;
    params.uuid(id).text(terms.flow).text(terms.event).text(terms.filter).text(terms.input).text(terms.comment);
    params.text(other_options(terms)).text(oids_of_emitters(terms));
    spi.run(update_rule_sql, std::move(params));
    spi.run(delete_window_sql, std::move(Params().uuid(id)));
    wake::note_poke();
}

std::optional<std::string> comment_argument(FunctionCallInfo fcinfo, int index) {
    return bounded_argument(fcinfo, index, "comment of an event rule", kMaxRuleComment, "Choose a shorter one.");
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_create_event_rule) {
    require_writable("create an event rule");
    const Oid user = GetUserId();
    const std::string name = rule_name_argument(fcinfo);
    Terms terms;
    terms.flow = required_argument(fcinfo, 1, "flow", "Name the flow that the rule starts.");
    terms.event = required_argument(fcinfo, 2, "event", "Name a type of events, such as 'order.paid'.");
    terms.filter = present(text_argument(fcinfo, 3));
    terms.input = present(text_argument(fcinfo, 4));
    terms.comment = present(comment_argument(fcinfo, 5));
    const json::Value given = options_argument(fcinfo, 6);
    (void)read_rule_options(given);
    terms.options = without_nulls(given);
    const bool or_replace = !PG_ARGISNULL(7) && PG_GETARG_BOOL(7);
    check_terms(name, terms, user);
    const AsExtensionOwner owner;
    Spi spi;
    Params params;
    params.text(name).oid(user).text(terms.flow).text(terms.event).text(terms.filter).text(terms.input);
    params.text(terms.comment).text(other_options(terms)).text(oids_of_emitters(terms));
    if (spi.run(insert_rule_sql, std::move(params)).processed() == 1) {
        wake::note_poke();
        return Datum(0);
    }
    const auto rule = find_rule(spi, name);
    if (!rule || !OidIsValid(rule->owner) || !acts_for(user, rule->owner))
        throw UserError(ERRCODE_DUPLICATE_OBJECT, "event rule " + in_quotes(name) + " already exists",
                        "It belongs to another role. Choose another name.");
    if (rule->terms == terms) return Datum(0);
    if (!or_replace)
        throw UserError(ERRCODE_DUPLICATE_OBJECT, "event rule " + in_quotes(name) + " already exists",
                        "It says something else. Pass or_replace => true, or use flowctl.alter_event_rule().");
    store_terms(spi, rule->id, terms);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_alter_event_rule) {
    require_writable("change an event rule");
    const Oid user = GetUserId();
    const std::string name = rule_name_argument(fcinfo);
    Terms terms;
    Oid owner_of_rule = InvalidOid;
    Uuid id{};
    {
        const AsExtensionOwner owner;
        Spi spi;
        const StoredRule rule = get_own_rule(spi, name, user, "change");
        terms = rule.terms;
        owner_of_rule = rule.owner;
        id = rule.id;
    }
    if (const auto flow = text_argument(fcinfo, 1)) terms.flow = *flow;
    if (const auto event = text_argument(fcinfo, 2)) terms.event = *event;
    if (const auto filter = text_argument(fcinfo, 3)) terms.filter = present(filter);
    if (const auto input = text_argument(fcinfo, 4)) terms.input = present(input);
    if (const auto comment = comment_argument(fcinfo, 5)) terms.comment = present(comment);
    if (!PG_ARGISNULL(6)) {
        const json::Value given = options_argument(fcinfo, 6);
        (void)read_rule_options(given);
        terms.options = without_nulls(given);
    }
    check_terms(name, terms, owner_of_rule);
    const AsExtensionOwner owner;
    Spi spi;
    store_terms(spi, id, terms);
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_event_rule) {
    require_writable("drop an event rule");
    const Oid user = GetUserId();
    const std::string name = rule_name_argument(fcinfo);
    const AsExtensionOwner owner;
    Spi spi;
    const StoredRule rule = get_own_rule(spi, name, user, "drop");
    spi.run(delete_window_sql, std::move(Params().uuid(rule.id)));
    spi.run(delete_rule_sql, std::move(Params().uuid(rule.id)));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_enable_event_rule) {
    require_writable("enable an event rule");
    const Oid user = GetUserId();
    const std::string name = rule_name_argument(fcinfo);
    StoredRule rule;
    {
        const AsExtensionOwner owner;
        Spi spi;
        rule = get_own_rule(spi, name, user, "enable");
    }
    check_terms(name, rule.terms, rule.owner);
    const AsExtensionOwner owner;
    Spi spi;
    spi.run(enable_rule_sql, std::move(Params().uuid(rule.id)));
    wake::note_poke();
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_disable_event_rule) {
    require_writable("disable an event rule");
    const Oid user = GetUserId();
    const std::string name = rule_name_argument(fcinfo);
    const std::string by = "disabled by " + role_name(user);
    const AsExtensionOwner owner;
    Spi spi;
    const StoredRule rule = get_own_rule(spi, name, user, "disable");
    spi.run(disable_by_hand_sql, std::move(Params().uuid(rule.id).text(by)));
    return Datum(0);
}

}  // namespace flowctl::pg::events
