// Versions: the flow versions that a worker has compiled.
//
// To compile a large definition takes longer than the loop may be held, so it is done in slices
// (core/sliced.hpp): one when somebody asks for the version, which is enough for nearly all, and then one in
// each turn. The version that has taken the least time so far comes first. Whoever asks meanwhile has to ask
// again.
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

#include "core/sliced.hpp"
#include "pg/turn/version.hpp"

namespace flowctl::pg {

class Versions {
  public:
    // What is asked for, and for whom.
    struct Wanted {
        const Uuid& flow_id;
        std::int32_t number = 0;
        const std::string& name;
        Oid owner = InvalidOid;  // of the flow
        Uuid run{};
    };
    // In a transaction. A version that is gone, or does not compile any more, comes back with `problem` set.
    // Null: it is being compiled, or has to wait for that.
    std::shared_ptr<const CompiledVersion> find(Spi& spi, const Wanted& wanted);
    // The same, however long it takes.
    std::shared_ptr<const CompiledVersion> find_now(Spi& spi, const Wanted& wanted);
    // Outside of transactions, once a turn. True: there is more to do.
    bool work();

  private:
    using Key = std::pair<Uuid, std::int32_t>;
    struct Compiling {
        Key key;
        Oid owner = InvalidOid;
        Uuid run{};
        std::string definition;
        std::shared_ptr<CompiledVersion> version;
        std::unique_ptr<Sliced> work;
        std::int64_t taken = 0;  // bytes of memory
        bool is_done = false;
        std::int64_t done_at = 0;
    };
    std::shared_ptr<const CompiledVersion> known(const Key& key);
    Compiling* begin(Spi& spi, const Wanted& wanted);
    static void go_on(Compiling& compiling, std::int64_t micros);
    std::shared_ptr<const CompiledVersion> take(std::list<Compiling>::iterator done);
    bool has_room(Oid owner);
    using Kept = std::list<std::pair<Key, std::shared_ptr<const CompiledVersion>>>;
    struct Known {
        std::weak_ptr<const CompiledVersion> version;
        Kept::iterator kept;  // the end of `kept_`: it is not kept
    };
    void keep(const Key& key, std::shared_ptr<const CompiledVersion> version);
    void make_room();

    std::list<Compiling> compiling_;
    std::int64_t at_once_ = 0;  // microseconds that this turn may still spend when it is asked
    std::map<Key, Known> known_;
    Kept kept_;  // the one that was used last comes first
    std::size_t kept_bytes_ = 0;
};

}  // namespace flowctl::pg
