// Events role.created, role.altered, role.dropped, role.granted, role.revoked, and setting.changed.
#pragma once

#include "pg/ddl_events/command_report.hpp"

namespace flowctl::pg::ddl_events {

// Reads which roles the command has changed; their former names stay with it, since other events name roles, too.
void report_roles(Observed& command);
void report_memberships(const Observed& command);
// ALTER ROLE ... SET and ALTER DATABASE ... SET.
void report_settings(const Observed& command);
void report_alter_system(const Observed& command, AlterSystemStmt* statement);

}  // namespace flowctl::pg::ddl_events
