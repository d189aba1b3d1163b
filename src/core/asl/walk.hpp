// Walking through a definition as it is written: its blocks (the flow itself, the branches of a Parallel, the
// processor of a Map), their states, and their places in the document.
//
// Checks of the whole definition read the JSON and not the model, so a part that one check cannot read is
// still seen by the others. The recursion is as deep as the document, which the parser limits.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.hpp"

namespace flowctl::asl {

// A place in the document. It is a chain of objects on the stack, one for each level, so a place costs
// nothing until something is wrong there and its pointer is needed. `key` must outlive the object; it is a
// literal or a key of the document.
class Where {
  public:
    Where() = default;  // the whole document
    Where(const Where& parent, std::string_view key) : parent_(&parent), key_(key) {}
    Where(const Where& parent, std::size_t index) : parent_(&parent), index_(index), is_index_(true) {}

    std::string pointer() const;  // RFC 6901

  private:
    const Where* parent_ = nullptr;
    std::string_view key_;
    std::size_t index_ = 0;
    bool is_index_ = false;
};

std::string escape_pointer_token(std::string_view token);

// Calls visit(state, where) for each state of a block. A state is a json::Member.
template <class Visit>
void for_each_state(const json::Value& block, const Where& where, const Visit& visit) {
    const json::Value* states = block.find("States");
    if (states == nullptr || !states->is_object()) return;
    const Where states_where(where, "States");
    for (const json::Member& state : states->members())
        visit(state, Where(states_where, state.key));
}

enum class Inner { Branch, Processor };

// Calls visit(block, where, kind) for each block inside a state.
template <class Visit>
void for_each_inner(const json::Value& state, const Where& where, const Visit& visit) {
    if (const json::Value* branches = state.find("Branches"); branches != nullptr && branches->is_array()) {
        const Where branches_where(where, "Branches");
        for (std::size_t i = 0; i < branches->items().size(); ++i)
            visit(branches->items()[i], Where(branches_where, i), Inner::Branch);
    }
    for (const std::string_view name : {"ItemProcessor", "Iterator"})
        if (const json::Value* processor = state.find(name))
            visit(*processor, Where(where, name), Inner::Processor);
}

// Calls visit(state, where) for each state of a block and of the blocks inside it, in document order.
template <class Visit>
void for_every_state(const json::Value& block, const Where& where, const Visit& visit) {
    for_each_state(block, where, [&](const json::Member& state, const Where& here) {
        visit(state, here);
        for_each_inner(state.value, here, [&](const json::Value& inner, const Where& inside, Inner) {
            for_every_state(inner, inside, visit);
        });
    });
}

// The Resource of a state that is a Task.
inline std::optional<std::string_view> task_resource(const json::Value& state) {
    const json::Value* type = state.find("Type");
    const json::Value* resource = state.find("Resource");
    if (type == nullptr || !type->is_string() || type->as_string() != "Task") return std::nullopt;
    if (resource == nullptr || !resource->is_string()) return std::nullopt;
    return resource->as_string();
}

enum class DataField { Reader, Writer };

// Calls visit(resource, field, where) for the Resource of a state's ItemReader and ResultWriter; `where` is
// the place of the Resource.
template <class Visit>
void for_each_data(const json::Value& state, const Where& state_where, const Visit& visit) {
    const auto look = [&](std::string_view name, DataField field) {
        const json::Value* data = state.find(name);
        const json::Value* resource = data != nullptr ? data->find("Resource") : nullptr;
        if (resource == nullptr || !resource->is_string()) return;
        const Where data_where(state_where, name);
        visit(resource->as_string(), field, Where(data_where, "Resource"));
    };
    look("ItemReader", DataField::Reader);
    look("ResultWriter", DataField::Writer);
}

}  // namespace flowctl::asl
