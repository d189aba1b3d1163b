// Versions: the flow versions that a worker has compiled.
//
// A definition never changes, so what has been compiled once is good for the life of the worker. The cache is
// emptied when it has become large; runs that are in memory hold what they need.
#pragma once

#include <cstdint>
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
    std::map<std::pair<Uuid, std::int32_t>, std::shared_ptr<const CompiledVersion>> versions_;
};

}  // namespace flowctl::pg
