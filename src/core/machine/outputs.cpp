// Outputs in blocks; see outputs.hpp.
#include "core/machine/outputs.hpp"

#include <algorithm>

namespace flowctl::machine {

std::size_t Outputs::size_of(std::size_t block) const noexcept {
    return std::min(kBlock, length_ - block * kBlock);
}

bool Outputs::has(std::size_t index) const noexcept {
    const std::size_t number = index / kBlock;
    if (index >= length_ || number >= blocks_.size()) return false;
    const Block& block = blocks_[number];
    if (block.count == 0) return false;
    return block.open.empty() || block.there[index % kBlock];
}

void Outputs::set(std::size_t index, json::Value output) {
    const std::size_t number = index / kBlock;
    if (blocks_.size() <= number) blocks_.resize(number + 1);
    Block& block = blocks_[number];
    if (block.open.empty()) {
        block.open.resize(size_of(number));
        block.there.resize(size_of(number), false);
    }
    bytes_ += json::dumped_size(output) + 1;
    ++count_;
    block.open[index % kBlock] = std::move(output);
    block.there[index % kBlock] = true;
    if (++block.count < block.open.size()) return;
    block.full = json::Value::array(std::move(block.open));
    block.open = {};
    block.there = {};
}

json::Value Outputs::all() const {
    std::vector<json::Value> values;
    values.reserve(length_);
    for (const Block& block : blocks_)
        values.insert(values.end(), block.full.items().begin(), block.full.items().end());
    return json::Value::array(std::move(values));
}

json::Value Outputs::save() const {
    std::vector<json::Value> saved;
    saved.reserve(blocks_.size());
    for (const Block& block : blocks_) {
        if (block.open.empty()) {
            saved.push_back(block.full);
            continue;
        }
        std::vector<json::Value> pairs;
        for (std::size_t i = 0; i < block.open.size(); ++i) {
            if (!block.there[i]) continue;
            pairs.push_back(
                json::Value::array({json::Value::integer(static_cast<std::int64_t>(i)), block.open[i]}));
        }
        saved.push_back(json::ObjectBuilder().add("open", json::Value::array(std::move(pairs))).build());
    }
    return json::Value::array(std::move(saved));
}

bool Outputs::load(const json::Value& saved) {
    const std::size_t blocks = (length_ + kBlock - 1) / kBlock;
    if (!saved.is_array() || saved.items().size() > blocks) return false;
    for (std::size_t number = 0; number < saved.items().size(); ++number) {
        const json::Value& block = saved.items()[number];
        const std::size_t size = size_of(number);
        if (block.is_null()) continue;
        if (block.is_array()) {
            if (block.items().size() != size) return false;
            blocks_.resize(number + 1);
            blocks_[number].full = block;
            blocks_[number].count = size;
            count_ += size;
            bytes_ += json::dumped_size(block);
            continue;
        }
        const json::Value* open = block.find("open");
        if (open == nullptr || !open->is_array() || open->items().size() >= size) return false;
        for (const json::Value& pair : open->items()) {
            if (!pair.is_array() || pair.items().size() != 2 || !pair.items()[0].is_number()) return false;
            const auto at = pair.items()[0].as_integer();
            if (!at || *at < 0 || static_cast<std::size_t>(*at) >= size) return false;
            const std::size_t index = number * kBlock + static_cast<std::size_t>(*at);
            if (has(index)) return false;
            set(index, pair.items()[1]);
        }
    }
    return true;
}

}  // namespace flowctl::machine
