// SQL functions create_limit, alter_limit, drop_limit, grant_limit and revoke_limit.
//
// A limit belongs to the role that made it. Each function locks the limit's row, so two of them come one after
// the other, and none of them comes between the check and the write of an option that names the limit.
#include <string>

#include "core/asl/flow_name.hpp"
#include "core/gates/rate.hpp"
#include "pg/limits/limit_rights.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/arguments.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/quoting.hpp"
#include "pg/shared/installation.hpp"
#include "pg/shared/wake.hpp"

namespace flowctl::pg {

namespace {

Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.named_limit (name, owner, slots, rate, burst, comment)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING)",
                     {TEXTOID, OIDOID, INT8OID, TEXTOID, INT8OID, TEXTOID});
Statement update_sql(
    "UPDATE flowctl_catalog.named_limit SET slots = $2, rate = $3, burst = $4 WHERE limit_id = $1",
    {UUIDOID, INT8OID, TEXTOID, INT8OID});
Statement used_sql(R"(
    SELECT name FROM flowctl_catalog.flow WHERE options -> 'limits' @> pg_catalog.to_jsonb(ARRAY[$1]) ORDER BY name LIMIT 1)",
                   {TEXTOID});
Statement delete_grants_sql("DELETE FROM flowctl_catalog.limit_grant WHERE limit_id = $1", {UUIDOID});
Statement delete_sql("DELETE FROM flowctl_catalog.named_limit WHERE limit_id = $1", {UUIDOID});
Statement grant_sql(R"(
    INSERT INTO flowctl_catalog.limit_grant (limit_id, role, granted_by)
    VALUES ($1, $2, pg_catalog.pg_get_userbyid($3)) ON CONFLICT (limit_id, (role::oid)) DO NOTHING)",
                    {UUIDOID, OIDOID, OIDOID});
Statement revoke_sql("DELETE FROM flowctl_catalog.limit_grant WHERE limit_id = $1 AND role::oid = $2",
                     {UUIDOID, OIDOID});

struct Terms {
    std::optional<std::int64_t> slots, burst;
    std::optional<std::string> rate;
    bool operator==(const Terms&) const = default;
};

[[noreturn]] void refuse(const std::string& message, const char* hint) {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, message, hint);
}

Terms terms_arguments(FunctionCallInfo fcinfo) {
    Terms terms;
    if (!PG_ARGISNULL(1)) terms.slots = PG_GETARG_INT32(1);
    terms.rate = text_argument(fcinfo, 2);
    if (!PG_ARGISNULL(3)) terms.burst = PG_GETARG_INT32(3);
    if (!terms.slots && !terms.rate)
        refuse("a limit needs slots, a rate, or both",
               "slots: how many runs may be open at once; rate: how many may begin, such as '100/min'.");
    if (terms.slots && *terms.slots < 1)
        refuse("slots of a limit is " + std::to_string(*terms.slots), "It is a whole number from 1.");
    if (terms.rate && (terms.rate->size() > 100 || !gates::parse_rate(*terms.rate)))
        refuse("invalid rate of a limit: " + in_quotes(shortened_name(*terms.rate)),
               "It is a number of runs and a time, such as '100/min', '5/s' or '20/2 h': at least one, and at "
               "most a million a second.");
    if (terms.burst && (*terms.burst < 1 || *terms.burst > gates::Bucket::kMostBurst))
        refuse("burst of a limit is " + std::to_string(*terms.burst), "It is a whole number from 1 to 1000000.");
    if (terms.burst && !terms.rate)
        refuse("burst of a limit needs a rate", "burst says how many runs may begin at once after a rest.");
    return terms;
}

Params& add_terms(Params& params, const Terms& terms) {
    terms.slots ? params.int8(*terms.slots) : params.null();
    params.text(terms.rate);
    return terms.burst ? params.int8(*terms.burst) : params.null();
}

std::string name_argument(FunctionCallInfo fcinfo) {
    return required_argument(fcinfo, 0, "name", "Name the limit.");
}

// The limit, which the user owns. Where he does not, he learns no more than that.
limits::NamedLimit own_limit(Spi& spi, const std::string& name, Oid user, const char* what) {
    auto limit = limits::find_limit(spi, name, true);
    if (limit && acts_for(user, limit->owner)) return *std::move(limit);
    throw UserError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                    "permission denied to " + std::string(what) + " limit " + in_quotes(shortened_name(name)),
                    "Only the owner of a limit may, and superusers; the view flowctl.limits lists those that you "
                    "may use.");
}

Oid role_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(1))
        throw UserError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "role must not be null", "Name the role.");
    return PG_GETARG_OID(1);
}

// Sessions and workers read the limits again once this transaction has committed.
void tell_of_change() {
    catalog_watch::changed();
    wake::note_poke();
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_create_limit) {
    require_writable("create a limit");
    require_author("create limits");
    const std::string name = name_argument(fcinfo);
    if (!asl::is_flow_name(name))
        throw UserError(ERRCODE_INVALID_NAME, in_quotes(shortened_name(name)) + " cannot be the name of a limit",
                        "Names of limits have 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.");
    const Terms terms = terms_arguments(fcinfo);
    const auto comment = text_argument(fcinfo, 4);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    Params params;
    params.text(name).oid(user);
    if (spi.run(insert_sql, std::move(add_terms(params, terms).text(comment))).processed() > 0) return Datum(0);
    const auto present = limits::find_limit(spi, name, false);
    if (present && present->owner == user && Terms{present->slots, present->burst, present->rate} == terms)
        return Datum(0);
    throw UserError(ERRCODE_DUPLICATE_OBJECT, "there is a limit named " + in_quotes(name) + " already",
                    "Change it with flowctl.alter_limit(), or choose another name.");
}

FLOWCTL_FUNCTION(flowctl_alter_limit) {
    require_writable("alter a limit");
    const std::string name = name_argument(fcinfo);
    const Terms terms = terms_arguments(fcinfo);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    const limits::NamedLimit limit = own_limit(spi, name, user, "alter");
    Params params;
    params.uuid(limit.id);
    spi.run(update_sql, std::move(add_terms(params, terms)));
    tell_of_change();
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_drop_limit) {
    require_writable("drop a limit");
    const std::string name = name_argument(fcinfo);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    const limits::NamedLimit limit = own_limit(spi, name, user, "drop");
    const Rows used = spi.run(used_sql, std::move(Params().text(name)));
    if (used.size() > 0)
        throw UserError(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                        "limit " + in_quotes(name) + " cannot be dropped because flows name it",
                        "Take it out of their option limits first, with flowctl.alter_flow().",
                        "One of them is flow " + in_quotes(used.text(0, 0)) + ".");
    spi.run(delete_grants_sql, std::move(Params().uuid(limit.id)));
    spi.run(delete_sql, std::move(Params().uuid(limit.id)));
    tell_of_change();
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_grant_limit) {
    require_writable("grant a limit");
    const std::string name = name_argument(fcinfo);
    const Oid role = role_argument(fcinfo);
    const Oid user = GetUserId();
    (void)role_name(role);
    const AsExtensionOwner owner;
    Spi spi;
    const limits::NamedLimit limit = own_limit(spi, name, user, "grant");
    spi.run(grant_sql, std::move(Params().uuid(limit.id).oid(role).oid(user)));
    return Datum(0);
}

FLOWCTL_FUNCTION(flowctl_revoke_limit) {
    require_writable("revoke a limit");
    const std::string name = name_argument(fcinfo);
    const Oid role = role_argument(fcinfo);
    const Oid user = GetUserId();
    const AsExtensionOwner owner;
    Spi spi;
    const limits::NamedLimit limit = own_limit(spi, name, user, "revoke");
    spi.run(revoke_sql, std::move(Params().uuid(limit.id).oid(role)));
    return Datum(0);
}

}  // namespace flowctl::pg
