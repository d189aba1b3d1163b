// The values of an evaluation: JSON of the caller, used in place, and values that the expression builds, in
// an arena.
//
// An evaluation makes many small, short-lived values, and closures make cycles. So nothing in here is
// reference-counted: a Value is 16 bytes that are copied freely, and all nodes are freed with the arena. A
// value of the caller is pointed to and never copied, so a number in it keeps its text. A sequence is a list
// that unwraps to its only item. A constructed list ("cons") is not flattened by a path.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/budget.hpp"
#include "core/json.hpp"

namespace flowctl::jsonata {

// Memory that is freed all at once. The budget is charged for memory taken from the heap.
class Arena {
  public:
    // `value_bytes` is the most that one text, at a byte a byte, or one list, at eight an item, may have.
    Arena(Budget& budget, std::size_t value_bytes) noexcept
        : budget_(budget), value_bytes_(value_bytes), at_(first_), end_(first_ + sizeof first_) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    void* allocate(std::size_t size) {
        size = (size + 7) & ~static_cast<std::size_t>(7);
        if (size > static_cast<std::size_t>(end_ - at_)) return allocate_chunk(size);
        void* memory = at_;
        at_ += size;
        return memory;
    }
    template <class T, class... Args>
    T* make(Args&&... args) {
        static_assert(std::is_trivially_destructible_v<T>);
        return new (allocate(sizeof(T))) T{std::forward<Args>(args)...};
    }
    template <class T>
    T* array(std::size_t count) {
        static_assert(std::is_trivially_copyable_v<T>);
        return static_cast<T*>(allocate(count * sizeof(T)));
    }
    Budget& budget() noexcept { return budget_; }
    void check_text(std::size_t bytes) const {
        if (bytes > value_bytes_) Budget::out_of_bytes();
    }
    void check_items(std::size_t count) const {
        if (count > value_bytes_ / 8) Budget::out_of_bytes();
    }

  private:
    void* allocate_chunk(std::size_t size);

    Budget& budget_;
    const std::size_t value_bytes_;
    char* at_;
    char* end_;
    std::size_t next_ = 8 * 1024;
    std::vector<std::unique_ptr<char[]>> chunks_;
    alignas(8) char first_[2048];
};

enum class Type : std::uint8_t { Undefined, Null, Bool, Number, String, Array, Object, Function };

struct List;
struct Object;
struct Function;

// Free room behind a text or the items of a list. A loop that accumulates makes ever longer texts or lists
// with the same beginning. The next one takes the room behind the last one if nobody else has, and shares the
// part in front of it.
struct Room {
    std::size_t used;  // in characters or items, by the longest one that shares the room
    std::size_t capacity;
};

struct Text {
    const char* data;
    std::size_t size;
    Room* room = nullptr;  // the room behind the text that begins at `data`
};

// A value's type, and whether its content is the caller's JSON or a node of the evaluation.
struct Value {
    Type type = Type::Undefined;
    bool foreign = false;
    union {
        bool boolean;
        double real;
        const json::Value* json;
        const Text* text;
        List* list;
        Object* object;
        Function* function;
        std::uint64_t bits = 0;
    };

    bool is_undefined() const noexcept { return type == Type::Undefined; }
    bool is_number() const noexcept { return type == Type::Number; }
    bool is_string() const noexcept { return type == Type::String; }
    bool is_array() const noexcept { return type == Type::Array; }
    bool is_object() const noexcept { return type == Type::Object; }
    bool is_function() const noexcept { return type == Type::Function; }
    bool is_sequence() const noexcept;
    bool is_tuple_stream() const noexcept;

    double number() const { return foreign ? json->as_double() : real; }
    std::string_view string() const {
        return foreign ? json->as_string() : std::string_view(text->data, text->size);
    }

    static Value null() noexcept { return of(Type::Null); }
    static Value of_bool(bool b) noexcept {
        Value v = of(Type::Bool);
        v.boolean = b;
        return v;
    }
    static Value of_number(double d) noexcept {
        Value v = of(Type::Number);
        v.real = d;
        return v;
    }
    static Value of_text(const Text* t) noexcept {
        Value v = of(Type::String);
        v.text = t;
        return v;
    }
    static Value of_list(List* l) noexcept {
        Value v = of(Type::Array);
        v.list = l;
        return v;
    }
    static Value of_object(Object* o) noexcept {
        Value v = of(Type::Object);
        v.object = o;
        return v;
    }
    static Value of_function(Function* f) noexcept {
        Value v = of(Type::Function);
        v.function = f;
        return v;
    }
    // A value of the caller's JSON, which must outlive the evaluation.
    static Value of_json(const json::Value& json) {
        Value v;
        v.foreign = true;
        v.json = &json;
        switch (json.kind()) {
            case json::Kind::Null:
                return null();
            case json::Kind::Bool:
                return of_bool(json.as_bool());
            case json::Kind::Number:
                v.type = Type::Number;
                break;
            case json::Kind::String:
                v.type = Type::String;
                break;
            case json::Kind::Array:
                v.type = Type::Array;
                break;
            case json::Kind::Object:
                v.type = Type::Object;
                break;
        }
        return v;
    }

  private:
    static Value of(Type type) noexcept {
        Value v;
        v.type = type;
        return v;
    }
};

// An array of the evaluation. If it has a size and no items, it is the integers from `first` on.
struct List {
    Value* items = nullptr;
    Room* room = nullptr;  // the room behind the items
    std::uint32_t size = 0;
    double first = 0;
    bool is_range = false;
    bool sequence = false;
    bool cons = false;
    bool keep_singleton = false;
    bool tuple_stream = false;
    bool outer_wrapper = false;

    Value at(std::size_t i) const noexcept {
        return is_range ? Value::of_number(first + static_cast<double>(i)) : items[i];
    }
    void push(Arena& arena, const Value& value) {
        reserve(arena, std::size_t{size} + 1);
        items[size++] = value;
        room->used = size;
    }
    // Makes room for so many items, with no items of another list behind them.
    void reserve(Arena& arena, std::size_t wanted) {
        if (room == nullptr || wanted > room->capacity || room->used != size) grow(arena, wanted);
    }

  private:
    void grow(Arena& arena, std::size_t wanted);
};

inline bool Value::is_sequence() const noexcept {
    return type == Type::Array && !foreign && list->sequence;
}
inline bool Value::is_tuple_stream() const noexcept {
    return type == Type::Array && !foreign && list->tuple_stream;
}

// The items of any array. Another value is its own only item, and undefined has none.
class Items {
  public:
    explicit Items(const Value& value) : single_(value) {
        if (!value.is_array()) {
            own_ = &single_;
            size_ = value.is_undefined() ? 0 : 1;
        } else if (value.foreign) {
            const std::vector<json::Value>& items = value.json->items();
            json_ = items.data();
            size_ = items.size();
        } else {
            list_ = value.list;
            size_ = list_->size;
        }
    }
    Items(const Items&) = delete;
    Items& operator=(const Items&) = delete;

    std::size_t size() const noexcept { return size_; }
    Value operator[](std::size_t i) const {
        if (json_ != nullptr) return Value::of_json(json_[i]);
        return list_ != nullptr ? list_->at(i) : *own_;
    }

  private:
    Value single_;
    const json::Value* json_ = nullptr;
    const List* list_ = nullptr;
    const Value* own_ = nullptr;
    std::size_t size_ = 0;
};

// An object of the evaluation: members in order, with a hash table if there are many. A tuple of a tuple
// stream is such an object as well; its first member "@" is the context item.
struct Object {
    struct Entry {
        std::string_view key;
        Value value;
    };
    Entry* entries = nullptr;
    std::uint32_t size = 0;
    std::uint32_t capacity = 0;
    std::uint32_t* table = nullptr;
    std::uint32_t table_size = 0;

    Value* find(std::string_view key) const noexcept;
    // The index of the entry whose value find() returned.
    std::size_t index_of(const Value* found) const noexcept {
        return static_cast<std::size_t>(reinterpret_cast<const char*>(found) -
                                        reinterpret_cast<const char*>(&entries[0].value)) /
               sizeof(Entry);
    }
    // The characters of the key must live as long as the object.
    void set(Arena& arena, std::string_view key, const Value& value);
    void remove(std::string_view key) noexcept;

  private:
    void index(Arena& arena);
    void fill_table() noexcept;
};

// The members of any object.
class Members {
  public:
    explicit Members(const Value& value) {
        if (!value.is_object()) return;
        if (value.foreign) {
            json_ = value.json->members().data();
            size_ = value.json->size();
        } else {
            own_ = value.object->entries;
            size_ = value.object->size;
        }
    }
    std::size_t size() const noexcept { return size_; }
    std::string_view key(std::size_t i) const noexcept {
        return json_ != nullptr ? std::string_view(json_[i].key) : own_[i].key;
    }
    Value value(std::size_t i) const {
        return json_ != nullptr ? Value::of_json(json_[i].value) : own_[i].value;
    }

  private:
    const json::Member* json_ = nullptr;
    const Object::Entry* own_ = nullptr;
    std::size_t size_ = 0;
};

// The variables of one scope.
struct Frame {
    Frame* parent = nullptr;
    Object bindings{};
};

struct Node;
struct Builtin;

// A lambda, a function of the library (perhaps partially applied), a chain of two functions, or one that an
// operator made.
struct Function {
    enum class Kind : std::uint8_t { Lambda, Builtin, Partial, Chain, Regex, NextMatch, Transform, Thunk };
    Kind kind = Kind::Lambda;
    const Node* node = nullptr;  // Lambda, Regex, Transform, Thunk: its node
    Frame* frame = nullptr;
    Value input{};
    const Node* const* parameters = nullptr;  // Lambda
    std::uint32_t parameter_count = 0;
    bool checked = true;               // Lambda: whether it has the node's signature
    const Builtin* builtin = nullptr;  // Builtin, Partial
    const Value* arguments = nullptr;  // Partial: the bound arguments; holes are marked
    const bool* holes = nullptr;
    std::uint32_t argument_count = 0;
    Function* first = nullptr;  // Chain
    Function* second = nullptr;
    Value subject{};  // NextMatch: the text, and where to continue
    std::size_t offset = 0;
};

// Compares keys in the order of UTF-16 units, as the reference implementation compares strings.
int compare_strings(std::string_view a, std::string_view b) noexcept;

}  // namespace flowctl::jsonata
