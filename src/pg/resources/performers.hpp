// The list of what carries out Tasks: each kind of Resource has its row in performers.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/asl/resource.hpp"
#include "net/client.hpp"
#include "pg/callbacks/waits.hpp"
#include "pg/leases/open_leases.hpp"
#include "pg/shared/shmem.hpp"
#include "pg/tasks/definition.hpp"
#include "pg/tasks/performer.hpp"
#include "pg/turn/host.hpp"

namespace flowctl::pg {

// What stands in the way of Tasks with this Resource, when their flow is defined. Within a transaction.
std::vector<Objection> check_task(const asl::Resource& resource, const DefinedTask& task);

// Where performers work: one worker.
struct Surroundings {
    const shmem::Claim& claim;
    Host& host;
    net::Client& client;
    Leases& leases;
    Waits& waits;
};
struct MadePerformer {
    // The input decides only where one Resource can be carried out in several ways.
    bool (*carries_out)(const asl::Resource& resource, const json::Value& input);
    std::unique_ptr<Performer> performer;
};
std::vector<MadePerformer> make_performers(const Surroundings& surroundings);

// Why a Task fails that nothing here carries out.
std::string no_performer(const asl::Resource& resource);

}  // namespace flowctl::pg
