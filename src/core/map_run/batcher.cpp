// Batcher: makes the inputs of children; see batcher.hpp.
#include "core/map_run/batcher.hpp"

#include <algorithm>

#include "core/machine/evaluate.hpp"

namespace flowctl::map_run {

namespace {

// The bytes of {"BatchInput":,"Items":[]} around the two values.
constexpr std::size_t kBatchFrameBytes = 26;

}  // namespace

Batcher::Batcher(const asl::State& map, machine::MapRunPlan plan, const machine::Limits& limits,
                 const Made& made)
    : plan_(std::move(plan)),
      inputs_(map, plan_),
      limits_(limits),
      source_(plan_.source()),
      made_(made),
      source_ended_(!plan_.reader && static_cast<std::int64_t>(plan_.items.size()) == made.items),
      taken_(made.items) {}

std::optional<Item> Batcher::next_own_item() const {
    if (plan_.reader || !wants_item()) return std::nullopt;
    const auto at = static_cast<std::size_t>(taken_);
    Item item;
    if (at >= plan_.items.size()) return std::nullopt;
    if (plan_.items.is_array()) {
        item.value = plan_.items.items()[at];
    } else {
        const json::Member& member = plan_.items.members()[at];
        item.key = member.key;
        item.value = member.value;
    }
    return item;
}

std::vector<Child> Batcher::take(const Item& item, const machine::Now& now) {
    if (!wants_item()) return {};
    machine::MapItem given;
    given.index = static_cast<std::size_t>(taken_);
    given.key = item.key;
    given.value = item.value;
    given.source = item.source ? item.source : source_;
    const auto input = inputs_.of(given, limits_, now);
    if (!input.ok()) {
        failure_ = Failure{input.error().error, input.error().cause.value_or("")};
        return {};
    }
    ++taken_;
    std::vector<Child> children;
    if (plan_.batcher) {
        children = add_to_batch(input.value());
    } else {
        make(children, input.value(), 1);
    }
    const bool last = plan_.reader ? plan_.reader->max_items > 0 && taken_ >= plan_.reader->max_items
                                   : taken_ >= static_cast<std::int64_t>(plan_.items.size());
    if (last) {
        for (Child& child : end_of_items())
            children.push_back(std::move(child));
    }
    return children;
}

std::vector<Child> Batcher::end_of_items() {
    std::vector<Child> children;
    if (!wants_item()) return children;
    flush(children);
    if (!failure_) source_ended_ = true;
    return children;
}

// A batch is full when it has as many items as it may have, or when another item would make it too large.
std::vector<Child> Batcher::add_to_batch(const json::Value& input) {
    std::vector<Child> children;
    const std::size_t allowed =
        plan_.batcher->max_bytes > 0
            ? std::min(static_cast<std::size_t>(plan_.batcher->max_bytes), limits_.max_payload_bytes)
            : limits_.max_payload_bytes;
    const std::size_t bytes = json::dumped_size(input) + 1;
    const std::size_t around = kBatchFrameBytes + json::dumped_size(plan_.batcher->input);
    if (around + bytes > allowed) {
        failure_ = too_large(plan_.state, "has an item that does not fit into a batch,");
        return children;
    }
    if (!batch_.empty() && around + batch_bytes_ + bytes > allowed) flush(children);
    batch_.push_back(input);
    batch_bytes_ += bytes;
    const auto most = static_cast<std::size_t>(plan_.batcher->max_items);
    if (most > 0 && batch_.size() >= most) flush(children);
    return children;
}

void Batcher::flush(std::vector<Child>& children) {
    if (batch_.empty()) return;
    const auto items = static_cast<std::int64_t>(batch_.size());
    json::ObjectBuilder input;
    if (!plan_.batcher->input.is_null()) input.add("BatchInput", plan_.batcher->input);
    input.add("Items", json::Value::array(std::move(batch_)));
    batch_ = {};
    batch_bytes_ = 0;
    make(children, input.build(), items);
}

void Batcher::make(std::vector<Child>& children, json::Value input, std::int64_t items) {
    if (json::dumped_size(input) > limits_.max_payload_bytes) {
        failure_ = too_large(plan_.state, "gives a child an input");
        return;
    }
    if (json::depth(input) > machine::kMaxPayloadDepth) {
        failure_ = Failure{std::string(machine::kDataLimit),
                           "The state/task '" + plan_.state +
                               "' gives a child an input that is nested more than 1000 levels deep."};
        return;
    }
    children.push_back({made_.children, items, std::move(input)});
    ++made_.children;
    made_.items += items;
}

}  // namespace flowctl::map_run
