// Input, output and casts of flowctl_catalog.role_ref. See role_ref.hpp.
#include "pg/rights/role_ref.hpp"

namespace flowctl::pg {

namespace {

Datum make(Oid role, const char* name) {
    return guarded([=] {
        auto* made = static_cast<RoleRef*>(palloc0(sizeof(RoleRef)));
        made->role = role;
        if (name != nullptr) namestrcpy(&made->name, name);
        return PointerGetDatum(made);
    });
}

const RoleRef& argument(FunctionCallInfo fcinfo) {
    return *reinterpret_cast<const RoleRef*>(PG_GETARG_POINTER(0));
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_role_ref_in) {
    const char* const name = PG_GETARG_CSTRING(0);
    if (*name == '\0')
        throw UserError(ERRCODE_INVALID_NAME, "a role's name must not be empty", "Name a role.");
    const Oid role = guarded([name] { return get_role_oid(name, true); });
    return make(role, OidIsValid(role) ? nullptr : name);
}

FLOWCTL_FUNCTION(flowctl_role_ref_out) {
    const RoleRef& value = argument(fcinfo);
    return guarded([&] {
        if (!OidIsValid(value.role)) return CStringGetDatum(pstrdup(NameStr(value.name)));
        // A role that has rights cannot be dropped; what is left of one that was is shown as regrole shows it.
        char* const name = GetUserNameFromId(value.role, true);
        return CStringGetDatum(name != nullptr ? name : psprintf("%u", value.role));
    });
}

// NULL where the role is missing.
FLOWCTL_FUNCTION(flowctl_role_ref_oid) {
    const RoleRef& value = argument(fcinfo);
    if (!OidIsValid(value.role)) PG_RETURN_NULL();
    PG_RETURN_OID(value.role);
}

FLOWCTL_FUNCTION(flowctl_role_ref_of) {
    return make(PG_GETARG_OID(0), nullptr);
}

}  // namespace flowctl::pg
