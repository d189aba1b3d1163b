// The end users' tokens that runs carry: in memory only, until the last run that carries one has ended or the
// token has.
//
// A session puts its token here when it starts a run, under a random handle that the run's row keeps; the
// worker reads it when a step is to exchange it. The memory is a mapping of its own, made by the postmaster
// and inherited by all: it is in no core file (MADV_DONTDUMP), in no swap where the limits allow that
// (mlock), and gone when the server stops. Runs of one session share a place. Invariants: a transaction that
// does not commit leaves nothing; a place is overwritten before it is free; a token that has ended is not
// given out; one user has at most three quarters of the places that the others leave. A token that is lost (by a restart, a crash, PREPARE TRANSACTION) fails the steps that need it
// and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/crypto/secret.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::subject_tokens {

constexpr std::size_t kMaxBytes = 8192;

void request_at_load();  // _PG_init, while the server starts: the memory, and what runs at ends of
                         // transactions

// This transaction starts a run that carries the token of this user, who is known by issuer and name. Raises an
// error where there is no place left for it.
void carry(const Uuid& handle, std::string_view token, std::int64_t expires_at, std::string_view issuer,
           std::string_view name);

// This transaction starts a run that carries the same token as a run that is open, if the token is still there.
void carry_too(const Uuid& handle);

// The token, if it is there and has not ended.
std::optional<net::Secret> read(const Uuid& handle);
// A run that carried it has ended.
void release(const Uuid& handle) noexcept;
// Tokens that have ended go.
void wipe_ended() noexcept;

}  // namespace flowctl::pg::subject_tokens
