// Commands that are watched because somebody wants events of what they do.
//
// hooks.cpp calls begin() before each utility command and end() after it. A command of which nobody wants an event costs
// a look at its kind and at the types that are wanted. The events of a command are recorded in its transaction, so they
// are gone with it. A command within an extension's script gives no events: CREATE EXTENSION gives its own.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg::ddl_events {

class Command;

// Null: nobody wants an event of this command. Raises.
Command* begin(Node* statement, ProcessUtilityContext context);
// The command has worked. Records its events, and forgets it. Raises.
void end(Command* command);
// The command has failed.
void abandon(Command* command) noexcept;

// The object access hook: the innermost command that is watched has touched an object. Raises.
void note_object(ObjectAccessType access, Oid class_id, Oid object, int sub_id, void* argument);
// Whether there is such a command.
bool is_watching() noexcept;

}  // namespace flowctl::pg::ddl_events
