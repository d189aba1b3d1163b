// The columns whose rows stand for rights of roles. Each is watched (role_dependency.cpp), and what a dump has in
// it of a role that is missing can be given to another one (resolve_roles.cpp).
#pragma once

// ROW(table, column) for each; the texts are put together when the code is compiled.
#define FLOWCTL_ROLE_COLUMNS(ROW) \
    ROW("flow", "owner")          \
    ROW("flow_grant", "role")     \
    ROW("author", "role")         \
    ROW("named_limit", "owner")   \
    ROW("limit_grant", "role")    \
    ROW("quota", "role")          \
    ROW("lease_rule", "role")     \
    ROW("activity", "owner")      \
    ROW("activity_grant", "role") \
    ROW("schedule", "owner")      \
    ROW("event_rule", "owner")
