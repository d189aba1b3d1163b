// MapChildren: from items to rows of children. The worker and its helper process both write children by it.
//
// core/map_run makes the inputs (ItemSelector, batches); here they get ids and become rows. Ids are UUIDs of
// version 7 in the order of the items, with the last byte of the parent's id, so that parent and children
// belong to the same worker and no lock is needed between them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/map_run/batcher.hpp"
#include "core/sliced.hpp"
#include "pg/store/map_children.hpp"
#include "pg/store/map_runs.hpp"

namespace flowctl::pg {

class MapChildren {
  public:
    MapChildren(const Uuid& map_run, const Uuid& parent, std::string type)
        : map_run_(map_run), parent_(parent), type_(std::move(type)) {}

    // Keeps the children that a Batcher gave; true: it is time to write().
    bool add(std::vector<map_run::Child> children);
    // Into the table, in the caller's transaction, as the extension's owner.
    void write(Spi& spi);

    std::int64_t children() const { return children_; }  // added since the beginning
    std::int64_t items() const { return items_; }

  private:
    static constexpr std::size_t kRows = 1'000;
    static constexpr std::size_t kBytes = 4 * 1024 * 1024;
    Uuid map_run_, parent_;
    std::string type_;
    std::vector<store::NewChild> rows_;
    std::size_t bytes_ = 0;
    std::int64_t children_ = 0, items_ = 0;
};

// Makes the inputs of the children of a map run, behind those that have been made already. Raises
// std::logic_error where the flow has no such Map.
// A slice of making children.
constexpr std::int64_t kMakingMicros = 10'000;

// Children that are being made of items. An ItemSelector may compute for long, so this goes slice by slice.
struct MakingChildren {
    MapChildren children;
    bool all = false;                    // no more items come
    std::optional<std::string> problem;  // with the items
    std::unique_ptr<Sliced> work;        // is over when the others can be used
};

std::unique_ptr<map_run::Batcher> make_batcher(const asl::Flow& whole, const machine::MapRunPlan& plan,
                                               const map_run::Made& made = {});

// The clock and the randomness for one item.
machine::Now fresh_now();

}  // namespace flowctl::pg
