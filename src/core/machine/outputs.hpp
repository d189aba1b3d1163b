// Outputs: the outputs of the branches of a Parallel or the items of a Map, by index, while they come in.
//
// They are kept in blocks. A full block is one JSON array that copies of the frame share. So copying a frame
// costs one handle for each block, and a full block never changes again.
#pragma once

#include <cstddef>
#include <vector>

#include "core/json.hpp"

namespace flowctl::machine {

class Outputs {
  public:
    static constexpr std::size_t kBlock = 256;

    explicit Outputs(std::size_t length = 0) : length_(length) {}

    // Takes the output of `index`, which must be below the length and not there yet.
    void set(std::size_t index, json::Value output);
    // The size of the outputs that are there, as text.
    std::size_t bytes() const noexcept { return bytes_; }
    // All outputs; all must be there.
    json::Value all() const;

    // A full block as an array of its outputs, and any other as {"open": [[index in the block, output],
    // ...]}. An empty block is null, and empty blocks at the end are left out.
    json::Value save() const;
    // False when `saved` cannot come from save() for this length.
    bool load(const json::Value& saved);
    bool has(std::size_t index) const noexcept;
    std::size_t count() const noexcept { return count_; }

  private:
    struct Block {
        json::Value full;               // an array, once all outputs of the block are there
        std::vector<json::Value> open;  // the outputs until then
        std::vector<bool> there;
        std::size_t count = 0;
    };
    std::size_t size_of(std::size_t block) const noexcept;

    std::size_t length_;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    std::vector<Block> blocks_;
};

}  // namespace flowctl::machine
