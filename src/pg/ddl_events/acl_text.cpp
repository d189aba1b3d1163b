// Implementation of acl_text.hpp.
#include "pg/ddl_events/acl_text.hpp"

#include <vector>

namespace flowctl::pg::ddl_events {

namespace {

struct Privilege {
    AclMode bit;
    const char* name;
};
constexpr Privilege kPrivileges[] = {
    {ACL_SELECT, "SELECT"},       {ACL_INSERT, "INSERT"},     {ACL_UPDATE, "UPDATE"},
    {ACL_DELETE, "DELETE"},       {ACL_TRUNCATE, "TRUNCATE"}, {ACL_REFERENCES, "REFERENCES"},
    {ACL_TRIGGER, "TRIGGER"},     {ACL_EXECUTE, "EXECUTE"},   {ACL_USAGE, "USAGE"},
    {ACL_CREATE, "CREATE"},       {ACL_CONNECT, "CONNECT"},   {ACL_CREATE_TEMP, "TEMPORARY"},
    {ACL_SET, "SET"},             {ACL_ALTER_SYSTEM, "ALTER SYSTEM"},
#ifdef ACL_MAINTAIN
    {ACL_MAINTAIN, "MAINTAIN"},
#endif
};

}  // namespace

AclEntries entries_of(const Acl* acl, ObjectType type, Oid owner) {
    const Acl* const list = acl != nullptr ? acl : guarded([&] { return acldefault(type, owner); });
    AclEntries entries;
    const AclItem* const items = ACL_DAT(list);
    for (int i = 0; i < ACL_NUM(list); i++) {
        Granted& granted = entries[{items[i].ai_grantor, items[i].ai_grantee}];
        granted.privileges |= ACLITEM_GET_PRIVS(items[i]);
        granted.grantable |= ACLITEM_GET_GOPTIONS(items[i]);
    }
    return entries;
}

json::Value names_of(const Granted& granted) {
    std::vector<json::Value> names;
    for (const Privilege& privilege : kPrivileges)
        if ((granted.privileges & privilege.bit) != 0)
            names.push_back(json::Value::string(std::string(privilege.name) +
                                                ((granted.grantable & privilege.bit) != 0 ? " WITH GRANT OPTION" : "")));
    return json::Value::array(std::move(names));
}

json::Value names_of(AclMode privileges) {
    return names_of(Granted{privileges, 0});
}

}  // namespace flowctl::pg::ddl_events
