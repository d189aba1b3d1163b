// What the parts of a watched command's report have in common.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/json.hpp"
#include "pg/ddl_events/changed_rows.hpp"

extern "C" {
#include "catalog/objectaddress.h"
}

namespace flowctl::pg::ddl_events {

// A command that is over, and where its events go.
struct Observed {
    const CommandIds& ids;
    std::string tag;  // as the server names it: CREATE TABLE

    // The name of a role that may be gone by now: of those that the command has dropped or renamed, as it was.
    std::map<Oid, std::string> roles_before = {};
    std::string name_of_role(Oid role) const;

    // Records an event if somebody wants its type. `data` gets the command's tag besides.
    void record(const std::string& type, const std::optional<std::string>& subject, json::ObjectBuilder data) const;
};

// {type, schema, name, identity}; nullopt where there is no such object.
struct ObjectText {
    std::string identity;
    std::string schema;  // empty: it is in none
    json::Value json;
};
std::optional<ObjectText> describe(const ObjectAddress& object);

json::Value text_or_null(const std::optional<std::string>& text);

}  // namespace flowctl::pg::ddl_events
