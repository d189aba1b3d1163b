// Calls over HTTP, when a flow is defined: do the endpoints exist that it names, and may its role use them?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/asl/resource.hpp"
#include "pg/tasks/definition.hpp"

namespace flowctl::pg::http_task {

// Whether such Tasks are calls over HTTP.
bool carries_out(const asl::Resource& resource);

std::vector<Objection> check(const asl::Resource& resource, const DefinedTask& task);

// An endpoint that a distributed Map reads its items from, or writes its results to.
std::vector<Objection> check_document(const std::string& endpoint, std::optional<Oid> role);

// The same for the ARN of an action of S3. If no server covers it, that is only a warning, because one can
// still be created before the first run.
std::vector<Objection> check_bucket(const std::string& arn, std::optional<Oid> role);

}  // namespace flowctl::pg::http_task
