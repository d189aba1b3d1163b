// Versions: the flow versions that a worker has compiled.
//
// A definition never changes, so what has been compiled once is good for the life of the worker. Those that
// were used last are kept, as many as flowctl.definition_memory allows. A version that some run holds is
// found as well, so that no version is in memory twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "pg/turn/version.hpp"

namespace flowctl::pg {

class Versions {
  public:
    // In a transaction. A version that is gone, or does not compile any more, comes back with `problem` set.
    std::shared_ptr<const CompiledVersion> find(Spi& spi, const Uuid& flow_id, std::int32_t number,
                                                const std::string& name);

  private:
    using Key = std::pair<Uuid, std::int32_t>;
    using Kept = std::list<std::pair<Key, std::shared_ptr<const CompiledVersion>>>;
    struct Known {
        std::weak_ptr<const CompiledVersion> version;
        Kept::iterator kept;  // the end of `kept_`: it is not kept
    };
    void keep(const Key& key, std::shared_ptr<const CompiledVersion> version);
    void make_room();

    std::map<Key, Known> known_;
    Kept kept_;  // the one that was used last comes first
    std::size_t kept_bytes_ = 0;
};

}  // namespace flowctl::pg
