// json::Value: handles, construction, access, release and comparison. Parsing, writing and numbers have files
// of their own; json_node.hpp says how values lie in memory.
//
// Invariant: empty strings and containers have no node, so a node is never empty. No function in here
// recurses over a value.
#include "core/json.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <stdexcept>

#include "base/utf8.hpp"
#include "core/interrupt.hpp"
#include "core/json_node.hpp"
#include "core/json_number.hpp"

namespace flowctl::json {
namespace {

// An object with at least this many members gets an index by key, and find() searches the index.
constexpr std::size_t kIndexFrom = 24;

// Frees nodes whose last handle is gone, and the nodes that only they referred to.
void free_nodes(Node* list) noexcept {
    const auto drop = [&list](Value& child) noexcept {
        if (!Access::counted(child)) return;
        Node* node = Access::take_node(child);
        if (--node->handles == 0) {
            node->next_to_free = list;
            list = node;
        }
    };
    while (list != nullptr) {
        Node* node = list;
        list = node->next_to_free;
        switch (node->form) {
            case kArrayNode: {
                auto* array = static_cast<ArrayNode*>(node);
                for (Value& item : array->items)
                    drop(item);
                delete array;
                break;
            }
            case kObjectNode: {
                auto* object = static_cast<ObjectNode*>(node);
                for (Member& member : object->members)
                    drop(member.value);
                delete object;
                break;
            }
            default: {
                auto* string = static_cast<StringNode*>(node);
                string->~StringNode();
                ::operator delete(string);
            }
        }
    }
}

void release_node(Node* node) noexcept {
    if (--node->handles != 0) return;
    node->next_to_free = nullptr;
    free_nodes(node);
}

[[noreturn]] void wrong_kind(const char* wanted) {
    throw std::logic_error(std::string("json::Value: not ") + wanted);
}

const Value* find_indexed(const ObjectNode& object, std::string_view key) {
    const std::vector<Member>& members = object.members;
    if (!object.by_key) {
        auto order = std::make_unique<std::uint32_t[]>(members.size());
        std::iota(order.get(), order.get() + members.size(), 0U);
        std::sort(order.get(), order.get() + members.size(),
                  [&](std::uint32_t a, std::uint32_t b) { return members[a].key < members[b].key; });
        object.by_key = std::move(order);
    }
    const std::uint32_t* end = object.by_key.get() + members.size();
    const std::uint32_t* at =
        std::lower_bound(static_cast<const std::uint32_t*>(object.by_key.get()), end, key,
                         [&](std::uint32_t i, std::string_view wanted) { return members[i].key < wanted; });
    return at != end && members[*at].key == key ? &members[*at].value : nullptr;
}

bool equal_scalars(const Value& a, const Value& b) {
    switch (a.kind()) {
        case Kind::Null:
            return true;
        case Kind::Bool:
            return a.as_bool() == b.as_bool();
        case Kind::Number:
            return equal_numbers(a, b);
        default:
            return a.as_string() == b.as_string();
    }
}

}  // namespace

void Value::retain() const noexcept {
    ++node_->handles;
}

void Value::release() noexcept {
    release_node(node_);
}

Value& Value::operator=(const Value& other) noexcept {
    Value copy(other);
    return *this = std::move(copy);
}

Value& Value::operator=(Value&& other) noexcept {
    if (this == &other) return *this;
    Node* old = Access::counted(*this) ? node_ : nullptr;
    kind_ = other.kind_;
    form_ = other.form_;
    node_ = other.node_;
    other.kind_ = Kind::Null;
    other.form_ = kInline;
    if (old != nullptr) release_node(old);
    return *this;
}

Value make_text(Kind kind, std::string_view text) {
    void* memory = ::operator new(sizeof(StringNode) + text.size());
    auto* node = new (memory) StringNode(text.size());
    std::memcpy(node->characters(), text.data(), text.size());
    return Access::node_value(kind, node);
}

Value Value::boolean(bool b) noexcept {
    return Access::boolean_value(b);
}

Value Value::integer(std::int64_t i) noexcept {
    return Access::integer_value(i);
}

Value Value::number(double d) noexcept {
    constexpr double kExact = 9007199254740992.0;  // 2^53
    if (std::abs(d) < kExact && std::trunc(d) == d && !(d == 0 && std::signbit(d))) {
        return integer(static_cast<std::int64_t>(d));
    }
    return Access::double_value(d);
}

Value Value::number_text(std::string_view text) {
    if (const std::optional<std::int64_t> i = canonical_integer(text)) return integer(*i);
    return make_text(Kind::Number, text);
}

Value Value::string(std::string_view text) {
    if (text.empty()) return Access::inline_value(Kind::String);
    return make_text(Kind::String, text);
}

Value Value::array(std::vector<Value> items) {
    if (items.empty()) return Access::inline_value(Kind::Array);
    return Access::node_value(Kind::Array, new ArrayNode(std::move(items)));
}

Value Value::object(std::vector<Member> members) {
    if (members.empty()) return Access::inline_value(Kind::Object);
    return Access::node_value(Kind::Object, new ObjectNode(std::move(members)));
}

bool Value::as_bool() const {
    if (kind_ != Kind::Bool) wrong_kind("a boolean");
    return boolean_;
}

double Value::as_double() const {
    if (kind_ != Kind::Number) wrong_kind("a number");
    if (form_ == kInteger) return static_cast<double>(integer_);
    if (form_ == kDouble) return double_;
    return text_to_double(Access::string(*this).text());
}

std::optional<std::int64_t> Value::as_integer() const {
    if (kind_ != Kind::Number) wrong_kind("a number");
    if (form_ == kInteger) return integer_;
    if (form_ == kDouble) return text_to_integer(double_to_text(double_));
    return text_to_integer(Access::string(*this).text());
}

std::string Value::number_as_text() const {
    if (kind_ != Kind::Number) wrong_kind("a number");
    if (form_ == kInteger) return std::to_string(integer_);
    if (form_ == kDouble) return double_to_text(double_);
    return std::string(Access::string(*this).text());
}

std::string_view Value::as_string() const {
    if (kind_ != Kind::String) wrong_kind("a string");
    return form_ == kInline ? std::string_view() : Access::string(*this).text();
}

const std::vector<Value>& Value::items() const {
    static const std::vector<Value> kNone;
    if (kind_ != Kind::Array) wrong_kind("an array");
    return form_ == kInline ? kNone : Access::array(*this).items;
}

const std::vector<Member>& Value::members() const {
    static const std::vector<Member> kNone;
    if (kind_ != Kind::Object) wrong_kind("an object");
    return form_ == kInline ? kNone : Access::object(*this).members;
}

std::size_t Value::size() const noexcept {
    if (form_ == kArrayNode) return Access::array(*this).items.size();
    if (form_ == kObjectNode) return Access::object(*this).members.size();
    return 0;
}

const Value* Value::find(std::string_view key) const noexcept {
    if (form_ != kObjectNode) return nullptr;
    const ObjectNode& object = Access::object(*this);
    if (object.members.size() >= kIndexFrom) return find_indexed(object, key);
    for (const Member& member : object.members) {
        if (member.key.size() == key.size() && std::memcmp(member.key.data(), key.data(), key.size()) == 0) {
            return &member.value;
        }
    }
    return nullptr;
}

bool Value::same(const Value& other) const noexcept {
    if (kind_ != other.kind_ || form_ != other.form_) return false;
    switch (form_) {
        case kInline:
            return kind_ != Kind::Bool || boolean_ == other.boolean_;
        case kInteger:
            return integer_ == other.integer_;
        case kDouble:
            return double_ == other.double_;
        default:
            return node_ == other.node_;
    }
}

bool equal(const Value& a, const Value& b) {
    struct Pair {
        const Value* a;
        const Value* b;
    };
    std::vector<Pair> pending;
    Pair pair{&a, &b};
    Poll poll;
    for (;;) {
        poll.round();
        if (!pair.a->same(*pair.b)) {
            if (pair.a->kind() != pair.b->kind() || pair.a->size() != pair.b->size()) return false;
            if (pair.a->is_array()) {
                const std::vector<Value>& left = pair.a->items();
                const std::vector<Value>& right = pair.b->items();
                for (std::size_t i = left.size(); i-- > 0;)
                    pending.push_back({&left[i], &right[i]});
            } else if (pair.a->is_object()) {
                for (const Member& member : pair.a->members()) {
                    const Value* other = pair.b->find(member.key);
                    if (other == nullptr) return false;
                    pending.push_back({&member.value, other});
                }
            } else if (!equal_scalars(*pair.a, *pair.b)) {
                return false;
            }
        }
        if (pending.empty()) return true;
        pair = pending.back();
        pending.pop_back();
    }
}

Value with_member(const Value& object, std::string_view key, Value value) {
    const std::vector<Member>& old = object.members();
    std::vector<Member> members;
    members.reserve(old.size() + 1);
    bool found = false;
    for (const Member& member : old) {
        if (!found && member.key == key) {
            members.push_back(Member{member.key, std::move(value)});
            found = true;
        } else {
            members.push_back(member);
        }
    }
    if (!found) members.push_back(Member{std::string(key), std::move(value)});
    return Value::object(std::move(members));
}

bool is_storable(std::string_view text) noexcept {
    return text.find('\0') == std::string_view::npos && is_utf8(text);
}

}  // namespace flowctl::json
