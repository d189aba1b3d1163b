// Host: what a part of the worker's turn may ask of the engine.
#pragma once

#include <cstdint>
#include <string>

#include "net/client.hpp"
#include "pg/turn/item.hpp"

namespace flowctl::pg {

class Host {
  public:
    Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    virtual ~Host() = default;

    // One of the next turns does it.
    virtual void queue(Item&& item) = 0;

    // The server cannot do something now, and it is nobody's fault: for a second no turn and no slice of work
    // is tried. Whoever calls it comes back to its work by itself.
    virtual void pause() = 0;

    // Sends a request outside of transactions; its answer comes to Part::answered() of `from`, unless it is
    // cancelled before. Until then it counts as a call in this lane, of a flow of this owner, if a lane is
    // named. Returns the id that the answer will have.
    virtual std::uint64_t send(net::Request&& request, Part& from, const std::string& lane = {},
                               Oid owner = InvalidOid) = 0;
    virtual void cancel(std::uint64_t request) = 0;
    // Whether a call in this lane, of a flow of this owner, may begin.
    virtual bool has_room(const std::string& lane, Oid owner) const = 0;
};

}  // namespace flowctl::pg
