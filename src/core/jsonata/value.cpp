// The arena, lists and objects of an evaluation.
#include "core/jsonata/value.hpp"

#include <algorithm>
#include <functional>

namespace flowctl::jsonata {

namespace {

constexpr std::size_t kLargestChunk = 1024 * 1024;
constexpr std::uint32_t kIndexFrom = 16;

std::size_t hash_of(std::string_view key) noexcept {
    return std::hash<std::string_view>{}(key);
}

}  // namespace

void* Arena::allocate_chunk(std::size_t size) {
    const std::size_t chunk = std::max(size, next_);
    budget_.bytes(chunk);
    auto memory = std::make_unique_for_overwrite<char[]>(chunk);
    char* start = memory.get();
    chunks_.push_back(std::move(memory));
    if (chunk == next_ && next_ < kLargestChunk) next_ *= 2;
    // A large allocation gets a chunk of its own, and the current chunk stays in use.
    if (chunk - size > static_cast<std::size_t>(end_ - at_)) {
        at_ = start + size;
        end_ = start + chunk;
    }
    return start;
}

void List::grow(Arena& arena, std::size_t wanted) {
    if (wanted > 0x7fffffff) Budget::out_of_bytes();
    arena.check_items(wanted);
    const std::size_t capacity = std::max<std::size_t>({wanted, std::size_t{size} * 2, 4});
    room = static_cast<Room*>(arena.allocate(sizeof(Room) + capacity * sizeof(Value)));
    auto* larger = reinterpret_cast<Value*>(room + 1);
    for (std::uint32_t i = 0; i < size; ++i)
        larger[i] = at(i);
    *room = {size, capacity};
    items = larger;
    is_range = false;
}

Value* Object::find(std::string_view key) const noexcept {
    if (table == nullptr) {
        for (std::uint32_t i = 0; i < size; ++i) {
            if (entries[i].key == key) return &entries[i].value;
        }
        return nullptr;
    }
    for (std::size_t at = hash_of(key) & (table_size - 1);; at = (at + 1) & (table_size - 1)) {
        if (table[at] == 0) return nullptr;
        Entry& entry = entries[table[at] - 1];
        if (entry.key == key) return &entry.value;
    }
}

void Object::index(Arena& arena) {
    table_size = 64;
    while (table_size < size * 4)
        table_size *= 2;
    table = arena.array<std::uint32_t>(table_size);
    fill_table();
}

void Object::fill_table() noexcept {
    std::fill_n(table, table_size, 0U);
    for (std::uint32_t i = 0; i < size; ++i) {
        std::size_t at = hash_of(entries[i].key) & (table_size - 1);
        while (table[at] != 0)
            at = (at + 1) & (table_size - 1);
        table[at] = i + 1;
    }
}

void Object::set(Arena& arena, std::string_view key, const Value& value) {
    arena.budget().text(key.size());
    if (Value* old = find(key)) {
        *old = value;
        return;
    }
    if (size == capacity) {
        if (capacity > 0x3fffffff) Budget::out_of_bytes();
        capacity = capacity == 0 ? 4 : capacity * 2;
        auto* larger = static_cast<Entry*>(arena.allocate(capacity * sizeof(Entry)));
        std::copy_n(entries, size, larger);
        entries = larger;
    }
    entries[size++] = Entry{key, value};
    if (size < kIndexFrom) return;
    if (table == nullptr || size * 2 > table_size) {
        index(arena);
        return;
    }
    std::size_t at = hash_of(key) & (table_size - 1);
    while (table[at] != 0)
        at = (at + 1) & (table_size - 1);
    table[at] = size;
}

void Object::remove(std::string_view key) noexcept {
    const Value* found = find(key);
    if (found == nullptr) return;
    const std::size_t i = index_of(found);
    std::copy(entries + i + 1, entries + size, entries + i);
    --size;
    if (table != nullptr) fill_table();
}

int compare_strings(std::string_view a, std::string_view b) noexcept {
    const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (left == a.end() || right == b.end()) {
        return left == a.end() ? (right == b.end() ? 0 : -1) : 1;
    }
    auto x = static_cast<unsigned char>(*left);
    auto y = static_cast<unsigned char>(*right);
    // In UTF-16 the surrogates of characters beyond U+FFFF come before U+E000.
    if (x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0)) return x >= 0xf0 ? -1 : 1;
    return x < y ? -1 : 1;
}

}  // namespace flowctl::jsonata
