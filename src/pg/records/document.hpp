// The document that flowctl.export() gives and flowctl.import() takes.
//
//   {"format": 1, "flows": {"<name>": {...}}, "policies": {...}, ...}
//
// Each member but `format` is a kind of object (kinds.hpp). Names of roles and endpoints stand in it as text.
// It has no oid, no secret, no time, and nothing of runs, so it can be kept under version control and taken to
// another server. jsonb sorts the members, so equal databases give equal text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "pg/server/bridge.hpp"

namespace flowctl::pg::records {

constexpr std::int64_t kDocumentFormat = 1;
constexpr std::size_t kMaxDocumentBytes = 64 * 1024 * 1024;
constexpr std::size_t kMaxObjects = 10'000;  // of one kind

// Reads the text of a document. Raises 22023 if it is none, has a kind that this version does not know, or is
// of a newer format; 54000 if it is too large.
json::Value read_document(std::string_view text, const std::vector<std::string_view>& kinds);

// Raises 22023 if the object is none, or has a member that is not among `members`. `what`: flow "orders".
void require_members(const json::Value& object, const std::string& what,
                     const std::vector<std::string_view>& members);

// The errors of a document. `what` names the place.
[[noreturn]] void refuse_document(const std::string& message, const std::string& hint);

}  // namespace flowctl::pg::records
