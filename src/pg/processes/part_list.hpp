// The engine of a worker, with the parts of its turn.
#pragma once

#include <memory>

#include "net/client.hpp"
#include "pg/engine/turn.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

// The client must outlive the engine.
std::unique_ptr<Engine> make_engine(const shmem::Claim& claim, net::Client& client);

}  // namespace flowctl::pg
