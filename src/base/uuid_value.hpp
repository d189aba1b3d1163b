// A UUID as a value: 16 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flowctl {

using Uuid = std::array<std::uint8_t, 16>;

// A hash for hash tables. The last eight bytes of a run's id are random, so they can serve as the hash.
struct UuidHash {
    std::size_t operator()(const Uuid& id) const noexcept {
        std::size_t hash;
        std::memcpy(&hash, id.data() + 8, sizeof hash);
        return hash;
    }
};

}  // namespace flowctl
