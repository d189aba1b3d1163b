// Host: what a part of the worker's turn may ask of the engine.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "net/client.hpp"
#include "pg/turn/item.hpp"
#include "pg/turn/lane.hpp"

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
    // cancelled before. Until then it takes a place in each of the lanes. Returns the id that the answer will
    // have.
    virtual std::uint64_t send(net::Request&& request, Part& from, Lanes lanes = {}) = 0;
    virtual void cancel(std::uint64_t request) = 0;
    // From now on calls wait in these lanes and in no others, however much room there is.
    virtual void pause_lanes(std::set<Lane> lanes) = 0;
    // From now on no more calls of an owner than that are under way, of all workers together.
    virtual void give_quotas(std::map<std::string, std::int64_t> quotas) = 0;
    // Whether a request may take a place in all of these lanes.
    virtual bool has_room(const Lanes& lanes) const = 0;
};

}  // namespace flowctl::pg
