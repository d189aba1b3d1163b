// What workers show of themselves: the rows behind the views flowctl.workers and flowctl.issuers.
//
// A worker publishes its figures after each turn into the place of its slot (shmem), where any session may
// read them. A slot that goes to another worker starts empty.
#pragma once

#include <cstdint>
#include <vector>

#include "net/tokens/issuer_figures.hpp"
#include "pg/server/prelude.hpp"

namespace flowctl::pg::figures {

void request_at_load();

struct Figures {
    std::int64_t runs_open, calls_open, turns, events;
    std::int64_t last_turn_at;    // microseconds since 1970 UTC; 0: none yet
    std::int64_t unfinished = 0;  // calls under way, and answers that are not written yet
    std::uint32_t drain = 0;      // the drain that the last turn kept to (drain.hpp); 0: none
    bool waits = false;           // for flowctl.activate()
    bool off = false;             // by flowctl.run
};
void publish(int slot, const Figures& figures) noexcept;
Figures view(int slot) noexcept;

// What a worker knows of an issuer. Times in microseconds since 1970 UTC, 0: none.
constexpr int kIssuers = 32;  // of one worker; if it knows more, the ones it asked last
struct IssuerRow {
    char name[64];  // of the foreign server
    char url[256];
    char last_failure_message[384];
    std::int64_t token_requests, tokens_issued, failures, cached_tokens;
    std::int64_t last_success, last_failure;
    std::int64_t circuit_until;
    net::CircuitState circuit;
};
// Puts these in the place of those before.
void publish_issuers(int slot, std::vector<net::IssuerFigures> issuers);
bool view_issuer(int slot, int index, IssuerRow& issuer) noexcept;  // false: there are no more

// The slot is about to go to another worker.
void clear(int slot) noexcept;

}  // namespace flowctl::pg::figures
