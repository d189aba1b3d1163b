// Roles of leases; see role.hpp. The code that talks to the server is C in style, in bodies given to
// guarded().
#include "pg/leases/role.hpp"

#include <stdexcept>

#include "base/wipe.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/server/quoting.hpp"

extern "C" {
#include "commands/user.h"
#include "libpq/crypt.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
}

namespace flowctl::pg::lease_role {

namespace {

constexpr std::size_t kPasswordBytes = 32;

Statement sessions_sql(R"(
    SELECT usesysid, pg_catalog.pg_terminate_backend(pid)
    FROM pg_catalog.pg_stat_activity WHERE usesysid = ANY ($1))",
                       {OIDARRAYOID});

RoleSpec* role_spec(const char* name) {
    RoleSpec* spec = makeNode(RoleSpec);
    spec->roletype = ROLESPEC_CSTRING;
    spec->rolename = pstrdup(name);
    spec->location = -1;
    return spec;
}

DefElem* element(const char* name, Node* value) {
    return makeDefElem(pstrdup(name), value, -1);
}
DefElem* boolean_element(const char* name, bool value) {
    return element(name, reinterpret_cast<Node*>(makeBoolean(value)));
}
DefElem* text_element(const char* name, const char* value) {
    return element(name, reinterpret_cast<Node*>(makeString(pstrdup(value))));
}

void alter_role(const char* name, List* options, int action) {
    AlterRoleStmt* statement = makeNode(AlterRoleStmt);
    statement->role = role_spec(name);
    statement->options = options;
    statement->action = action;
    AlterRole(make_parsestate(nullptr), statement);
    CommandCounterIncrement();
}

// Its sessions begin as the leased role.
void begin_as(const char* name, const char* leased) {
    A_Const* value = makeNode(A_Const);
    value->val.sval.type = T_String;
    value->val.sval.sval = pstrdup(leased);
    value->location = -1;
    VariableSetStmt* set = makeNode(VariableSetStmt);
    set->kind = VAR_SET_VALUE;
    set->name = pstrdup("role");
    set->args = list_make1(value);
    AlterRoleSetStmt* statement = makeNode(AlterRoleSetStmt);
    statement->role = role_spec(name);
    statement->setstmt = set;
    AlterRoleSet(statement);
    CommandCounterIncrement();
}

}  // namespace

net::Secret new_password() {
    unsigned char random[kPasswordBytes];
    if (!pg_strong_random(random, sizeof random)) throw std::runtime_error("no random bytes can be had");
    std::string bytes(reinterpret_cast<const char*>(random), sizeof random);
    explicit_bzero(random, sizeof random);
    std::string text = net::base64url_encode(bytes);
    net::Secret password(text);
    wipe(bytes);
    wipe(text);
    return password;
}

Oid create(const lease::Plan& plan, const net::Secret& password) {
    const bool login = plan.kind == lease::Kind::Login;
    const bool begins_as_leased = login && plan.roles.size() == 1;
    std::string clear(password.reveal());
    const char* const name = plan.role_name.c_str();
    std::vector<const char*> leased;
    for (const std::string& role : plan.roles)
        leased.push_back(role.c_str());
    const char* verifier = nullptr;
    try {
        if (login)
            verifier =
                guarded([&] { return encrypt_password(PASSWORD_TYPE_SCRAM_SHA_256, name, clear.c_str()); });
    } catch (...) {
        wipe(clear);
        throw;
    }
    wipe(clear);
    return guarded([&] {
        List* roles = NIL;
        for (const char* role : leased)
            roles = lappend(roles, role_spec(role));
        List* options =
            list_make3(boolean_element("canlogin", login), boolean_element("inherit", !begins_as_leased),
                       element("addroleto", reinterpret_cast<Node*>(roles)));
        if (login) {
            const char* until = DatumGetCString(
                DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(to_timestamp(plan.valid_until))));
            options = lappend(options, text_element("password", verifier));
            options = lappend(options, text_element("validUntil", until));
            options = lappend(
                options, element("connectionlimit", reinterpret_cast<Node*>(makeInteger(plan.connections))));
        } else {
            options = lappend(
                options,
                element("rolemembers", reinterpret_cast<Node*>(list_make1(role_spec(plan.member.c_str())))));
        }
        CreateRoleStmt* statement = makeNode(CreateRoleStmt);
        statement->stmt_type = ROLESTMT_ROLE;
        statement->role = pstrdup(name);
        statement->options = options;
        const Oid oid = CreateRole(make_parsestate(nullptr), statement);
        CommandCounterIncrement();
        if (begins_as_leased) begin_as(name, leased.front());
        return oid;
    });
}

bool exists(const Role& role) {
    return guarded([&] { return get_role_oid(role.name.c_str(), true) == role.oid; });
}

void disable(const Role& role) {
    guarded([&] {
        if (role.kind == lease::Kind::Login)
            alter_role(
                role.name.c_str(),
                list_make2(boolean_element("canlogin", false), text_element("validUntil", "-infinity")), +1);
        else if (OidIsValid(get_role_oid(role.member.c_str(), true)))
            alter_role(role.name.c_str(),
                       list_make1(element("rolemembers", reinterpret_cast<Node*>(
                                                             list_make1(role_spec(role.member.c_str()))))),
                       -1);
    });
}

void drop(const Role& role, bool reassign) {
    // Without an heir its objects stay: somebody has to look at them, and dropping them could lose data.
    if (reassign && OidIsValid(guarded([&] { return get_role_oid(role.heir.c_str(), true); }))) {
        Spi spi;
        spi.command("REASSIGN OWNED BY " + identifier(role.name) + " TO " + identifier(role.heir));
        spi.command("DROP OWNED BY " + identifier(role.name));
    }
    guarded([&] {
        DropRoleStmt* statement = makeNode(DropRoleStmt);
        statement->roles = list_make1(role_spec(role.name.c_str()));
        statement->missing_ok = true;
        DropRole(statement);
        CommandCounterIncrement();
    });
}

std::vector<Oid> end_sessions(Spi& spi, const std::vector<Oid>& roles) {
    if (roles.empty()) return {};
    const Oid* first = roles.data();
    const int count = static_cast<int>(roles.size());
    Datum array = guarded([&] {
        auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<std::size_t>(count)));
        for (int i = 0; i < count; i++)
            values[i] = ObjectIdGetDatum(first[i]);
        return PointerGetDatum(construct_array(values, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
    });
    const Rows rows = spi.run(sessions_sql, std::move(Params().datum(array)));
    std::vector<Oid> busy;
    for (std::size_t i = 0; i < rows.size(); i++)
        busy.push_back(rows.oid(i, 0));
    return busy;
}

}  // namespace flowctl::pg::lease_role
