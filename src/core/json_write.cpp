// Writing: compact JSON text, its size, and the depth of a value, all without recursion.
//
// Size and depth are remembered in the nodes, so a payload that passes through many states is measured once.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "core/interrupt.hpp"
#include "core/json.hpp"
#include "core/json_node.hpp"

namespace flowctl::json {
namespace {

// How each byte is written inside a string: 0 means unchanged, 'u' means \u00XX, any other character follows
// a backslash.
constexpr std::array<char, 256> kEscapes = [] {
    std::array<char, 256> table{};
    for (std::size_t c = 0; c < 0x20; ++c)
        table[c] = 'u';
    table['\b'] = 'b';
    table['\f'] = 'f';
    table['\n'] = 'n';
    table['\r'] = 'r';
    table['\t'] = 't';
    table['"'] = '"';
    table['\\'] = '\\';
    return table;
}();

char escape_of(char c) noexcept {
    return kEscapes[static_cast<unsigned char>(c)];
}

// The position of the next byte that must be escaped, from `at` on. Eight bytes are checked at a time.
std::size_t next_escape(std::string_view text, std::size_t at) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL, kHighs = 0x8080808080808080ULL;
    const auto has_zero = [](std::uint64_t v) { return (v - kOnes) & ~v & kHighs; };
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, 8);
        const std::uint64_t below_space = (bytes - kOnes * 0x20) & ~bytes & kHighs;
        if ((below_space | has_zero(bytes ^ kOnes * '"') | has_zero(bytes ^ kOnes * '\\')) != 0) break;
    }
    while (at < text.size() && escape_of(text[at]) == 0)
        ++at;
    return at;
}

std::size_t string_size(std::string_view text) noexcept {
    std::size_t size = text.size() + 2;
    for (std::size_t at = next_escape(text, 0); at < text.size(); at = next_escape(text, at + 1)) {
        size += escape_of(text[at]) == 'u' ? 5 : 1;
    }
    return size;
}

void write_scalar(const Value& value, std::string& out) {
    switch (value.kind()) {
        case Kind::Null:
            out.append("null");
            break;
        case Kind::Bool:
            out.append(Access::boolean(value) ? "true" : "false");
            break;
        case Kind::Number:
            if (Access::form(value) == kStringNode) {
                out.append(Access::string(value).text());
            } else if (Access::form(value) == kInteger) {
                char digits[24];
                const auto end = std::to_chars(digits, digits + sizeof digits, Access::integer(value)).ptr;
                out.append(digits, static_cast<std::size_t>(end - digits));
            } else {
                out.append(value.number_as_text());
            }
            break;
        case Kind::String:
            dump_string(value.as_string(), out);
            break;
        case Kind::Array:
            out.append("[]");
            break;
        case Kind::Object:
            out.append("{}");
            break;
    }
}

bool is_container(const Value& value) noexcept {
    return Access::form(value) >= kArrayNode;
}

// Adds two sizes. The sum saturates, because shared nodes can describe a text that is longer than memory.
std::size_t add(std::size_t a, std::size_t b) noexcept {
    return a > std::numeric_limits<std::size_t>::max() - b ? std::numeric_limits<std::size_t>::max() : a + b;
}

std::size_t scalar_size(const Value& value) {
    switch (Access::form(value)) {
        case kInline:
            if (value.is_null()) return 4;
            if (value.is_bool()) return Access::boolean(value) ? 4 : 5;
            return 2;
        case kStringNode: {
            const StringNode& node = Access::string(value);
            if (node.dumped == 0) node.dumped = value.is_string() ? string_size(node.text()) : node.length;
            return node.dumped;
        }
        default:
            return value.number_as_text().size();
    }
}

// The depth of a value without a node: an empty container is one level, everything else is none.
std::uint32_t scalar_depth(const Value& value) noexcept {
    return value.is_array() || value.is_object() ? 1 : 0;
}

// A container whose children are being visited.
struct Visit {
    const Value* value;
    std::size_t next = 0;
};

const Value* next_child(Visit& visit) {
    const std::size_t at = visit.next++;
    if (visit.value->is_array()) {
        const std::vector<Value>& items = Access::array(*visit.value).items;
        return at < items.size() ? &items[at] : nullptr;
    }
    const std::vector<Member>& members = Access::object(*visit.value).members;
    return at < members.size() ? &members[at].value : nullptr;
}

// Fills in size and depth of every container below `root` that is not measured yet.
void measure(const Value& root) {
    Poll poll;
    std::vector<Visit> open{{&root}};
    while (!open.empty()) {
        poll.round();
        if (const Value* child = next_child(open.back())) {
            if (is_container(*child) && Access::node(*child)->depth == 0) open.push_back({child});
            continue;
        }
        const Value& value = *open.back().value;
        open.pop_back();
        std::size_t size = 1 + value.size();  // brackets and commas
        std::uint32_t deepest = 0;
        const auto account = [&](const Value& child) {
            size = add(size, is_container(child) ? Access::node(child)->dumped : scalar_size(child));
            deepest =
                std::max(deepest, is_container(child) ? Access::node(child)->depth : scalar_depth(child));
        };
        if (value.is_array()) {
            for (const Value& item : value.items())
                account(item);
        } else {
            for (const Member& member : value.members()) {
                size = add(size, string_size(member.key) + 1);
                account(member.value);
            }
        }
        Access::node(value)->dumped = size;
        Access::node(value)->depth = deepest + 1;
    }
}

}  // namespace

void dump_string(std::string_view text, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    out.push_back('"');
    for (std::size_t from = 0;;) {
        const std::size_t at = next_escape(text, from);
        out.append(text, from, at - from);
        if (at == text.size()) break;
        const char escape = escape_of(text[at]);
        out.push_back('\\');
        out.push_back(escape);
        if (escape == 'u') {
            const auto byte = static_cast<unsigned char>(text[at]);
            out.append("00");
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 0xf]);
        }
        from = at + 1;
    }
    out.push_back('"');
}

void dump(const Value& value, std::string& out) {
    if (!is_container(value)) return write_scalar(value, out);
    // The size is 0 if it is not measured yet. It is bounded here, because values that share nodes may have a
    // size larger than any text.
    out.reserve(out.size() + std::min<std::size_t>(Access::node(value)->dumped, 64 * 1024));
    std::vector<Visit> open;
    open.reserve(8);
    open.push_back({&value});
    out.push_back(value.is_array() ? '[' : '{');
    Poll poll;
    while (!open.empty()) {
        poll.round();
        Visit& visit = open.back();
        const bool first = visit.next == 0;
        const Value* child = next_child(visit);
        if (child == nullptr) {
            out.push_back(visit.value->is_array() ? ']' : '}');
            open.pop_back();
            continue;
        }
        if (!first) out.push_back(',');
        if (visit.value->is_object()) {
            dump_string(Access::object(*visit.value).members[visit.next - 1].key, out);
            out.push_back(':');
        }
        if (is_container(*child)) {
            out.push_back(child->is_array() ? '[' : '{');
            open.push_back({child});
        } else {
            write_scalar(*child, out);
        }
    }
}

std::string dump(const Value& value) {
    std::string out;
    dump(value, out);
    return out;
}

std::size_t dumped_size(const Value& value) {
    if (!is_container(value)) return scalar_size(value);
    if (Access::node(value)->depth == 0) measure(value);
    return Access::node(value)->dumped;
}

std::size_t depth(const Value& value) {
    if (!is_container(value)) return scalar_depth(value);
    if (Access::node(value)->depth == 0) measure(value);
    return Access::node(value)->depth;
}

}  // namespace flowctl::json
