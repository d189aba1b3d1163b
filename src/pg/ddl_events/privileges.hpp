// Events permission.granted, permission.revoked, owner.changed and default_privileges.changed.
#pragma once

#include <vector>

#include "pg/ddl_events/command_report.hpp"

namespace flowctl::pg::ddl_events {

// The catalogs whose rows have an owner or an access control list.
enum class AclScope { Relations, Functions, Schemas, Types, OfGrant, Others, All };
std::vector<Oid> catalogs_with_acl(AclScope scope, ObjectType of_grant = OBJECT_TABLE);

// What the command has done in these catalogs, by object, column, grantor and grantee.
void report_privileges(const Observed& command, const std::vector<Oid>& catalogs);
void report_default_privileges(const Observed& command);

// Whether new objects may get other privileges than the server gives by itself.
bool has_default_privileges();

}  // namespace flowctl::pg::ddl_events
