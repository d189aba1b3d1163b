// What carrying out a Task needs to know about the run that it belongs to.
//
// The engine keeps much more about a run: its frame, its timers, its calls. Whoever carries out a Task sees
// these facts only, and so can be read without the engine. They are set when the run is loaded and stay the
// same for as long as it is in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/machine/machine.hpp"
#include "pg/callbacks/handed_token.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg {

struct RunFacts {
    Uuid id{};
    std::string id_text;
    std::string flow;  // the name of the flow, also for a child of a map run
    std::int32_t flow_version = 0;
    Oid flow_owner = InvalidOid;  // when the run started
    Oid role = InvalidOid;        // that the run acts as
    machine::RunContext context;
    std::optional<HandedToken> handed;  // by the run that has started this one
    std::int32_t depth = 0;  // how many flows have started one another above this run
    // The run ends then at the latest. A flow without TimeoutSeconds sets no such time.
    std::optional<machine::Instant> ends_at;

    // The user in whose session the run began.
    std::optional<std::string> subject;
    std::optional<std::string> subject_issuer;
    std::optional<std::string> subject_claims;  // JSON
    std::optional<Uuid> subject_handle;         // of the user's token in shared memory

    std::optional<std::string> traceparent;  // of the statement that started the run
};

}  // namespace flowctl::pg
