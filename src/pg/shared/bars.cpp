// Bars as counters in shared memory. See bars.hpp.
#include "pg/shared/bars.hpp"

#include <cstdint>

#include "pg/shared/segment.hpp"

namespace flowctl::pg::bars {

namespace {

constexpr std::uint32_t kCells = 4096;  // databases that share a cell are barred together, which is harmless

pg_atomic_uint32* cells = nullptr;

std::size_t size() {
    return sizeof(pg_atomic_uint32) * kCells;
}

void attach(void* memory, bool is_new) {
    cells = static_cast<pg_atomic_uint32*>(memory);
    for (std::uint32_t i = 0; is_new && i < kCells; i++)
        pg_atomic_init_u32(&cells[i], 0);
}

constexpr shmem::Segment kSegment{"pg_flowctl bars", size, attach};

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

void raise(Oid database) noexcept {
    if (cells != nullptr) pg_atomic_fetch_add_u32(&cells[database % kCells], 1);  // a full barrier
}

void lower(Oid database) noexcept {
    if (cells != nullptr) pg_atomic_fetch_sub_u32(&cells[database % kCells], 1);
}

bool are_up(Oid database) noexcept {
    return cells != nullptr && pg_atomic_read_u32(&cells[database % kCells]) != 0;
}

}  // namespace flowctl::pg::bars
