// The rows of flowctl_catalog.child_flow and run_message: which runs wait for which, and what one of them tells
// the other.
//
// Only the worker that owns the parent writes rows of child_flow, and deletes them. Parent and child may have
// different owners, so what one has to tell the other is a row of run_message: the owner of the sender inserts
// it in the turn in which it happens, and the owner of the receiver deletes it in the turn that carries it out.
// So no worker waits for a row of another one, and a message is neither lost nor carried out twice. Every
// function runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/machine/status.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

// A call of a run, which waits for another run.
struct Waiting {
    Uuid parent{};
    std::int64_t call = 0;
    Uuid child{};
    std::string path;
    std::string state;
    std::int32_t attempt = 0;
    std::string resource;
    std::optional<std::int64_t> due_at;
    bool as_json = false;  // .sync:2
    bool adopted = false;  // the run existed already, so it is not stopped with this one
};
void append_waiting(const std::vector<Waiting>& waiting);

using CallKey = std::pair<Uuid, std::int64_t>;  // run and call
// The calls are not waiting any more. Gives the children.
std::vector<Waiting> delete_waiting(Spi& spi, const std::vector<CallKey>& calls);
// The same for all calls of runs that have ended.
std::vector<Waiting> delete_waiting_of(Spi& spi, const std::vector<Uuid>& parents);
// Who waits for these runs.
std::vector<Waiting> find_waiting_for(Spi& spi, const std::vector<Uuid>& children);
// Calls of this shard that wait for a run that has ended, and have not been told. `adopted_only`: of those that
// wait for a run that existed before, which may have ended while they began to wait.
std::vector<Waiting> find_untold(Spi& spi, int shard, int shards, bool adopted_only);
std::int64_t count_waiting(Spi& spi, int shard, int shards);

// For a call: how the run has ended that it waits for. For the call 0: the run is to stop, since the run that
// has started it does not wait for it any more.
struct Message {
    CallKey to{};
    Uuid sender{};
    bool as_json = false;
    std::string content;  // JSON: the description of a run that has ended
};
inline constexpr std::int64_t kStop = 0;
void append_messages(const std::vector<Message>& messages);
std::vector<Message> find_messages(Spi& spi, int shard, int shards, std::size_t limit);
void delete_messages(Spi& spi, const std::vector<CallKey>& keys);

// What the description of a run that has ended is made of, beside its payloads.
struct EndedRun {
    Uuid id{};
    std::string flow;
    std::int32_t version = 0;
    std::optional<std::string> alias;
    bool express = false;
    std::optional<std::string> name;
    machine::Status status = machine::Status::Running;
    std::string input;
    std::optional<std::string> error;
    std::optional<std::string> cause;
    std::int64_t started_at = 0;
    std::int64_t ended_at = 0;
    std::int32_t redrive_count = 0;
    std::optional<std::string> not_redrivable;  // why it cannot be redriven
};
// In any order; a run that is not kept is left out.
std::vector<EndedRun> find_ended_runs(Spi& spi, const std::vector<Uuid>& ids);

}  // namespace flowctl::pg::store
