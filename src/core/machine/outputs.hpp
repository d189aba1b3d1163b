// The outputs of the branches of a Parallel or the items of a Map, by their index, while they come in.
//
// They are kept in blocks. A block whose outputs are all there is one JSON array, which copies of the frame
// share: copying a frame costs one handle a block, and a block that is full never changes again.
#pragma once

#include <cstddef>
#include <vector>

#include "core/json.hpp"

namespace flowctl::machine {

class Outputs {
  public:
    static constexpr std::size_t kBlock = 256;

    explicit Outputs(std::size_t length = 0) : length_(length) {}

    // Takes the output of `index`, which is below the length and not there yet.
    void set(std::size_t index, json::Value output);
    // Of the outputs that are there, as text.
    std::size_t bytes() const noexcept { return bytes_; }
    // All of them, when all are there.
    json::Value all() const;

    // A full block as an array of its outputs; any other as {"open": [[index in the block, output], ...]}.
    // A block nothing is in is null, and those at the end are left out.
    json::Value save() const;
    // False when `saved` is not what save() gives for this length.
    bool load(const json::Value& saved);
    bool has(std::size_t index) const noexcept;
    std::size_t count() const noexcept { return count_; }

  private:
    struct Block {
        json::Value full;               // an array, once all are there
        std::vector<json::Value> open;  // until then
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
