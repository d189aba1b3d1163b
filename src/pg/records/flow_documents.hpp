// Flows in documents: definition, options, aliases, grants and owner.
//
//   {"type": "STANDARD", "owner": "app", "comment": "...", "options": {...},
//    "versions": {"1": {"definition": {...}, "options": {...}}, "2": ...},
//    "aliases": {"live": {"version": 1}}, "grants": {"shop": ["start"]}}
//
// Two databases number a flow's versions differently, because each counts what was defined in it. So a
// document has the newest version and those that aliases lead to, and numbers these from 1. An import looks
// for the same version in the database, by definition and options, and defines the version if there is none.
// The last one of the document becomes the newest.
//
// Here a flow is read, for an export and as what an import compares with; flow_import.cpp changes it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/records/kinds.hpp"

namespace flowctl::pg::records {

// A flow as the database has it.
struct Flow {
    std::string name;
    std::int32_t latest = 0;
    std::string type;
    std::optional<std::string> comment, owner;
    json::Value options, aliases, grants;  // objects; aliases have the database's numbers of versions
};

// The flows that the caller sees and whose names are LIKE the pattern.
std::vector<Flow> find_flows(Spi& spi, const std::string& pattern);

// {"definition": ..., "options": ...}; null if the caller sees no such version.
json::Value find_version(Spi& spi, const std::string& flow, std::int32_t version);

// The number of a version that an alias has under this key; 0: none.
std::int32_t number_in(const json::Value& alias, std::string_view key);

// The aliases with other numbers of versions. Numbers that the map lacks are left out.
json::Value renumbered(const json::Value& aliases, const std::map<std::int32_t, std::int32_t>& numbers);

// Makes the flows be as the document says.
void import_flows(Spi& spi, const std::vector<json::Member>& objects, Changes& changes);

}  // namespace flowctl::pg::records
