// Makes flows be as a document says. See flow_documents.hpp.
//
// Flows may name each other, so all of them are defined before options, aliases and grants are set, and owners
// change last.
#include <map>
#include <optional>

#include "core/difference/words.hpp"
#include "pg/records/document.hpp"
#include "pg/records/flow_documents.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::records {

namespace {

constexpr std::int64_t kMaxVersions = 100;  // of one flow in a document

Statement previous_version(R"(
    SELECT pg_catalog.max(v.version) FROM flowctl.flow_versions v WHERE v.flow = $1 AND v.version < $2)",
                           {TEXTOID, INT4OID});
Statement define(R"(
    SELECT flowctl.define_flow($1, pg_catalog.jsonb_pretty($2::pg_catalog.jsonb)::pg_catalog.json, $3, $4, $5::pg_catalog.jsonb))",
                 {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID});
// By its own text, the newest version stays the newest.
Statement set_comment(R"(
    SELECT flowctl.define_flow($1, v.definition, $3, $4, v.options)
    FROM flowctl.flow_versions v WHERE v.flow = $1 AND v.version = $2)",
                      {TEXTOID, INT4OID, TEXTOID, TEXTOID});
Statement alter_flow("SELECT flowctl.alter_flow($1, $2::pg_catalog.jsonb)", {TEXTOID, TEXTOID});
Statement set_alias("SELECT flowctl.set_alias($1, $2, $3, $4, $5)", {TEXTOID, TEXTOID, INT4OID, INT4OID, INT4OID});
Statement drop_alias("SELECT flowctl.drop_alias($1, $2)", {TEXTOID, TEXTOID});
Statement grant_flow(R"(
    SELECT flowctl.grant_flow($1, pg_catalog.quote_ident($2)::pg_catalog.regrole,
                              ARRAY (SELECT pg_catalog.jsonb_array_elements_text($3::pg_catalog.jsonb))))",
                     {TEXTOID, TEXTOID, TEXTOID});
Statement revoke_flow(R"(
    SELECT flowctl.revoke_flow($1, pg_catalog.quote_ident($2)::pg_catalog.regrole,
                               ARRAY (SELECT pg_catalog.jsonb_array_elements_text($3::pg_catalog.jsonb))))",
                      {TEXTOID, TEXTOID, TEXTOID});
Statement owner_of("SELECT pg_catalog.pg_get_userbyid(f.owner)::text FROM flowctl.flows f WHERE f.name = $1",
                   {TEXTOID});
Statement give("SELECT flowctl.alter_flow_owner($1, pg_catalog.quote_ident($2)::pg_catalog.regrole)", {TEXTOID, TEXTOID});

// A flow of the document, while it is imported.
struct Import {
    std::string name;
    json::Value given;
    std::optional<Flow> before;
    std::map<std::int32_t, std::int32_t> numbers;  // of the document's versions in the database

    std::string line() const { return "flow " + name + ": "; }
    // A member of the document; null if it has none.
    const json::Value* member(std::string_view key) const { return given.find(key); }
    std::optional<std::string> text(std::string_view key) const {
        const json::Value* value = member(key);
        if (value == nullptr || value->is_null()) return std::nullopt;
        if (!value->is_string()) refuse_document(in_quotes(key) + " of flow " + in_quotes(name) + " is no text", "Write it in quotes.");
        return std::string(value->as_string());
    }
    const json::Value* object(std::string_view key) const {
        const json::Value* value = member(key);
        if (value != nullptr && !value->is_object())
            refuse_document(in_quotes(key) + " of flow " + in_quotes(name) + " is no JSON object",
                            "A document that flowctl.export() gives shows the form.");
        return value;
    }
};

// The versions of the document, by their numbers, which begin at 1 and have no gap.
std::vector<json::Value> versions_of(const Import& flow) {
    constexpr const char* kHint = "A flow has versions \"1\" to at most \"100\", and the last one is the newest.";
    const json::Value* versions = flow.object("versions");
    if (versions == nullptr || versions->members().empty())
        refuse_document("flow " + in_quotes(flow.name) + " in the document has no versions", kHint);
    std::vector<json::Value> all;
    for (std::int64_t i = 1; i <= static_cast<std::int64_t>(versions->members().size()); i++) {
        const json::Value* version = versions->find(std::to_string(i));
        if (version == nullptr || i > kMaxVersions)
            refuse_document("versions of flow " + in_quotes(flow.name) + " in the document are not numbered from 1",
                            kHint);
        const std::string what = "version " + std::to_string(i) + " of flow " + in_quotes(flow.name);
        require_members(*version, what, {"definition", "options"});
        if (version->find("definition") == nullptr)
            refuse_document(what + " in the document has no definition", kHint);
        all.push_back(*version);
    }
    return all;
}

// Options that a version of the document leaves out have their defaults, which the database's version shows.
bool is_same_version(const json::Value& given, const json::Value& present) {
    if (present.is_null() || !json::equal(*given.find("definition"), *present.find("definition"))) return false;
    const json::Value* options = given.find("options");
    return options == nullptr || json::equal(*options, *present.find("options"));
}

// The number of the same version in the database. `first`: the one that an alias leads to, so that an alias
// does not move to another version that is the same.
std::optional<std::int32_t> find_same(Spi& spi, const Flow& flow, const json::Value& given,
                                      const std::vector<std::int32_t>& first) {
    for (const std::int32_t version : first)
        if (is_same_version(given, find_version(spi, flow.name, version))) return version;
    for (std::int32_t version = flow.latest; version > 0;) {
        if (is_same_version(given, find_version(spi, flow.name, version))) return version;
        const Rows rows = spi.run(previous_version, std::move(Params().text(flow.name).int4(version)));
        version = rows.is_null(0, 0) ? 0 : rows.int4(0, 0);
        guarded([] { CHECK_FOR_INTERRUPTS(); });
    }
    return std::nullopt;
}

std::int32_t define_version(Spi& spi, const Import& flow, const json::Value& version) {
    const json::Value* options = version.find("options");
    Params params;
    params.text(flow.name)
        .text(json::dump(*version.find("definition")))
        .text(flow.text("type").value_or(flow.before ? flow.before->type : "STANDARD"))
        .text(flow.text("comment"))
        .text(options != nullptr ? json::dump(*options) : "{}");
    return spi.run(define, std::move(params)).int4(0, 0);
}

// Where the document's aliases lead at present that name this version.
std::vector<std::int32_t> present_targets(const Import& flow, std::int32_t number) {
    std::vector<std::int32_t> targets;
    const json::Value* aliases = flow.object("aliases");
    if (aliases == nullptr) return targets;
    for (const json::Member& alias : aliases->members())
        for (const std::string_view key : {"version", "second_version"})
            if (const json::Value* present = flow.before->aliases.find(alias.key);
                present != nullptr && number_in(alias.value, key) == number)
                if (const std::int32_t target = number_in(*present, key); target > 0) targets.push_back(target);
    return targets;
}

void import_versions(Spi& spi, Import& flow, Changes& changes) {
    require_members(flow.given, "flow " + in_quotes(shortened_name(flow.name)),
                    {"type", "owner", "comment", "options", "versions", "aliases", "grants"});
    if (const auto type = flow.text("type"); flow.before && type && type != flow.before->type)
        refuse_document("flow " + in_quotes(flow.name) + " has type " + flow.before->type + ", and another one in the document",
                        "The type of a flow is fixed: rename it in the document, or drop the flow first.");
    const std::vector<json::Value> versions = versions_of(flow);
    const auto newest = static_cast<std::int32_t>(versions.size());
    for (std::int32_t number = 1; number <= newest; number++) {
        const json::Value& version = versions[static_cast<std::size_t>(number) - 1];
        std::optional<std::int32_t> present;
        if (flow.before && number < newest)
            present = find_same(spi, *flow.before, version, present_targets(flow, number));
        else if (flow.before && is_same_version(version, find_version(spi, flow.name, flow.before->latest)))
            present = flow.before->latest;
        flow.numbers[number] = present ? *present : define_version(spi, flow, version);
    }
    if (!flow.before) {
        changes.add(flow.line() + "new");
        return;
    }
    const std::int32_t defined = flow.numbers[newest];
    if (defined == flow.before->latest) return;
    changes.add(flow.line() + "version " + std::to_string(flow.before->latest) + " -> " + std::to_string(defined));
    const json::Value old = find_version(spi, flow.name, flow.before->latest);
    const json::Value now = find_version(spi, flow.name, defined);
    changes.add(difference::words(*old.find("definition"), *now.find("definition"), flow.line(), Changes::kMostOfOne));
    changes.add(
        difference::words(*old.find("options"), *now.find("options"), flow.line() + "option ", Changes::kMostOfOne));
}

// While it lives, options may name flows that are not there yet.
class MayNameWhatIsMissing {
  public:
    MayNameWhatIsMissing() noexcept { check_function_bodies = false; }
    ~MayNameWhatIsMissing() { check_function_bodies = before_; }
    MayNameWhatIsMissing(const MayNameWhatIsMissing&) = delete;
    MayNameWhatIsMissing& operator=(const MayNameWhatIsMissing&) = delete;

  private:
    const bool before_ = check_function_bodies;
};

// A null removes an option.
void import_options(Spi& spi, const Import& flow, const json::Value& present, Changes& changes) {
    const json::Value* given = flow.object("options");
    if (given == nullptr || json::equal(*given, present)) return;
    json::Value change = *given;
    for (const json::Member& member : present.members())
        if (given->find(member.key) == nullptr) change = json::with_member(change, member.key, json::Value());
    changes.add(difference::words(present, *given, flow.line() + "option ", Changes::kMostOfOne));
    const MayNameWhatIsMissing lenient;
    spi.run(alter_flow, std::move(Params().text(flow.name).text(json::dump(change))));
}

void import_aliases(Spi& spi, const Import& flow, const json::Value& present, Changes& changes) {
    const json::Value* given = flow.object("aliases");
    if (given == nullptr) return;
    for (const json::Member& alias : given->members()) {
        require_members(alias.value, "alias " + in_quotes(shortened_name(alias.key)),
                        {"version", "second_version", "second_weight"});
        for (const std::string_view key : {"version", "second_version"})
            if ((key == "version" || alias.value.find(key) != nullptr) &&
                !flow.numbers.contains(number_in(alias.value, key)))
                refuse_document("alias " + in_quotes(shortened_name(alias.key)) + " of flow " + in_quotes(flow.name) +
                                    " leads to a version that is not in the document",
                                "Its versions stand in the member \"versions\" of the flow.");
    }
    const json::Value wanted = renumbered(*given, flow.numbers);
    for (const json::Member& alias : wanted.members()) {
        const json::Value* before = present.find(alias.key);
        if (before != nullptr && json::equal(*before, alias.value)) continue;
        const std::string line = flow.line() + "alias " + alias.key + ": ";
        if (before == nullptr)
            changes.add(line + "new, version " + std::to_string(number_in(alias.value, "version")));
        else
            changes.add(difference::words(*before, alias.value, line, Changes::kMostOfOne));
        Params params;
        params.text(flow.name).text(alias.key).int4(number_in(alias.value, "version"));
        const std::int32_t second = number_in(alias.value, "second_version");
        second > 0 ? params.int4(second) : params.null();
        spi.run(set_alias, std::move(params.int4(number_in(alias.value, "second_weight"))));
    }
    for (const json::Member& alias : present.members()) {
        if (given->find(alias.key) != nullptr) continue;
        changes.add(flow.line() + "alias " + alias.key + ": removed");
        const MayNameWhatIsMissing lenient;
        spi.run(drop_alias, std::move(Params().text(flow.name).text(alias.key)));
    }
}

// The elements of one array that the other lacks.
json::Value without(const json::Value& array, const json::Value* other) {
    std::vector<json::Value> left;
    for (const json::Value& item : array.items()) {
        bool found = false;
        if (other != nullptr)
            for (const json::Value& one : other->items())
                found = found || json::equal(one, item);
        if (!found) left.push_back(item);
    }
    return json::Value::array(std::move(left));
}

void require_role(const std::string& role) {
    const char* const name = role.c_str();
    if (!guarded([&] { return OidIsValid(get_role_oid(name, true)); }))
        throw UserError(ERRCODE_UNDEFINED_OBJECT, "role " + in_quotes(shortened_name(role)) + " does not exist",
                        "Create it, or name another role in the document.");
}

void change_grant(Spi& spi, Statement& statement, const Import& flow, const std::string& role,
                  const json::Value& privileges, const char* what, Changes& changes) {
    if (privileges.size() == 0) return;
    std::string list;
    for (const json::Value& privilege : privileges.items()) {
        if (!privilege.is_string())
            refuse_document("a privilege on flow " + in_quotes(flow.name) + " is no text", "It is a name like \"start\".");
        list += (list.empty() ? "" : ", ") + shortened_name(privilege.as_string());
    }
    require_role(role);
    changes.add(flow.line() + what + " role " + role + ": " + list);
    spi.run(statement, std::move(Params().text(flow.name).text(role).text(json::dump(privileges))));
}

void import_grants(Spi& spi, const Import& flow, const json::Value& present, Changes& changes) {
    const json::Value* given = flow.object("grants");
    if (given == nullptr) return;
    for (const json::Member& grant : given->members()) {
        if (!grant.value.is_array())
            refuse_document("privileges of role " + in_quotes(shortened_name(grant.key)) + " on flow " +
                                in_quotes(flow.name) + " are no array",
                            "They are names like \"start\".");
        const json::Value* before = present.find(grant.key);
        change_grant(spi, grant_flow, flow, grant.key, without(grant.value, before), "granted to", changes);
        if (before != nullptr)
            change_grant(spi, revoke_flow, flow, grant.key, without(*before, &grant.value), "revoked from", changes);
    }
    for (const json::Member& grant : present.members())
        if (given->find(grant.key) == nullptr)
            change_grant(spi, revoke_flow, flow, grant.key, grant.value, "revoked from", changes);
}

void import_rest(Spi& spi, const Import& flow, Changes& changes) {
    const json::Value nothing = json::Value::object({});
    import_options(spi, flow, flow.before ? flow.before->options : nothing, changes);
    import_aliases(spi, flow, flow.before ? flow.before->aliases : nothing, changes);
    import_grants(spi, flow, flow.before ? flow.before->grants : nothing, changes);
    const auto comment = flow.text("comment");
    if (flow.before && comment && comment != flow.before->comment) {
        const json::Value old = flow.before->comment ? json::Value::string(*flow.before->comment) : json::Value();
        changes.add(difference::words(old, json::Value::string(*comment), flow.line() + "comment ", 1));
        const std::int32_t newest = flow.numbers.rbegin()->second;
        if (newest == flow.before->latest)
            spi.run(set_comment,
                    std::move(Params().text(flow.name).int4(newest).text(flow.before->type).text(comment)));
    }
}

void import_owner(Spi& spi, const Import& flow, Changes& changes) {
    const auto owner = flow.text("owner");
    if (!owner) return;
    const Rows rows = spi.run(owner_of, std::move(Params().text(flow.name)));
    const auto present = rows.size() == 0 ? std::nullopt : rows.optional_text(0, 0);
    if (owner == present) return;
    require_role(*owner);
    changes.add(flow.line() + "owner " + present.value_or("(none)") + " -> " + *owner);
    spi.run(give, std::move(Params().text(flow.name).text(*owner)));
}

}  // namespace

void import_flows(Spi& spi, const std::vector<json::Member>& objects, Changes& changes) {
    std::map<std::string, Flow> present;
    for (Flow& flow : find_flows(spi, "%"))
        present.emplace(flow.name, std::move(flow));
    std::vector<Import> flows;
    for (const json::Member& object : objects) {
        Import& flow = flows.emplace_back();
        flow.name = object.key;
        flow.given = object.value;
        if (const auto found = present.find(object.key); found != present.end()) flow.before = std::move(found->second);
        import_versions(spi, flow, changes);
    }
    for (const Import& flow : flows)
        import_rest(spi, flow, changes);
    for (const Import& flow : flows)
        import_owner(spi, flow, changes);
}

}  // namespace flowctl::pg::records
