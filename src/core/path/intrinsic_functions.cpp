// The eighteen intrinsic functions.
//
// Their arguments are evaluated already and have the right kinds. As observed on AWS, numbers are truncated
// to integers, except in MathAdd, which rounds half up. Results that grow with the arguments are counted in
// the budget.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/base64.hpp"
#include "base/utf8.hpp"
#include "core/path/intrinsic.hpp"
#include "core/text/digest.hpp"

namespace flowctl::path {
namespace {

using json::Kind;
using json::Value;
using Arguments = std::span<const Value>;
using Outcome = Result<Value, std::string>;

constexpr std::size_t kMaxCharacters = 10'000;  // for Base64 and Hash
constexpr std::int64_t kMaxRange = 1'000;       // items of ArrayRange
constexpr std::size_t kMaxCharge = std::size_t{1} << 40;

constexpr Kinds kNumber = kind_bit(Kind::Number);
constexpr Kinds kString = kind_bit(Kind::String);
constexpr Kinds kArray = kind_bit(Kind::Array);
constexpr Kinds kObject = kind_bit(Kind::Object);
constexpr Kinds kBool = kind_bit(Kind::Bool);
constexpr Kinds kAny = 0x3f;

Err<std::string> invalid(std::string why = {}) {
    return Err{std::move(why)};
}

std::optional<std::int64_t> in_range(double d) {
    constexpr double kEdge = 9223372036854775808.0;  // 2^63
    if (!(d >= -kEdge && d < kEdge)) return std::nullopt;
    return static_cast<std::int64_t>(d);
}
std::optional<std::int64_t> truncated(const Value& number) {
    if (const auto exact = number.as_integer()) return exact;
    return in_range(std::trunc(number.as_double()));
}
std::optional<std::int64_t> rounded(const Value& number) {
    if (const auto exact = number.as_integer()) return exact;
    return in_range(std::floor(number.as_double() + 0.5));
}

void charge_comparison(const Value& a, const Value& b, Budget& budget) {
    budget.step(std::min({json::dumped_size(a), json::dumped_size(b), kMaxCharge}));
}

// ---------------------------------------------------------------------------------------------- arrays

Outcome array(Arguments arguments, const Surroundings& around) {
    around.budget.bytes(arguments.size() * sizeof(Value));
    return Value::array(std::vector<Value>(arguments.begin(), arguments.end()));
}

Outcome array_partition(Arguments arguments, const Surroundings& around) {
    const std::vector<Value>& items = arguments[0].items();
    const auto size = truncated(arguments[1]);
    if (!size || *size < 1) return invalid();
    around.budget.bytes(items.size() * sizeof(Value));
    std::vector<Value> parts;
    for (std::size_t from = 0; from < items.size();) {
        const std::size_t left = items.size() - from;
        const std::size_t count =
            static_cast<std::uint64_t>(*size) < left ? static_cast<std::size_t>(*size) : left;
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(from);
        parts.push_back(Value::array(std::vector<Value>(begin, begin + static_cast<std::ptrdiff_t>(count))));
        from += count;
    }
    return Value::array(std::move(parts));
}

Outcome array_contains(Arguments arguments, const Surroundings& around) {
    for (const Value& item : arguments[0].items()) {
        charge_comparison(item, arguments[1], around.budget);
        if (json::equal(item, arguments[1])) return Value::boolean(true);
    }
    return Value::boolean(false);
}

Outcome array_range(Arguments arguments, const Surroundings&) {
    const auto first = truncated(arguments[0]);
    const auto last = truncated(arguments[1]);
    const auto step = truncated(arguments[2]);
    if (!first || !last || !step || *step == 0) return invalid();
    std::vector<Value> items;
    for (std::int64_t at = *first; *step > 0 ? at <= *last : at >= *last;) {
        if (static_cast<std::int64_t>(items.size()) == kMaxRange) return invalid();
        items.push_back(Value::integer(at));
        if (__builtin_add_overflow(at, *step, &at)) break;
    }
    return Value::array(std::move(items));
}

Outcome array_get_item(Arguments arguments, const Surroundings&) {
    const std::vector<Value>& items = arguments[0].items();
    const auto index = truncated(arguments[1]);
    if (!index || *index < 0 || static_cast<std::uint64_t>(*index) >= items.size()) return invalid();
    return items[static_cast<std::size_t>(*index)];
}

Outcome array_length(Arguments arguments, const Surroundings&) {
    return Value::integer(static_cast<std::int64_t>(arguments[0].size()));
}

// Equal values have equal hashes. The reverse need not hold, because equality is checked as well.
std::uint64_t hash_of(const Value& value, Budget& budget) {
    const Budget::Depth depth(budget);
    budget.step();
    const auto mix = [](std::uint64_t a, std::uint64_t b) {
        std::uint64_t z = (a ^ b) + 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        return z ^ (z >> 27);
    };
    std::uint64_t hash = mix(0, static_cast<std::uint64_t>(value.kind()));
    switch (value.kind()) {
        case Kind::Null:
            break;
        case Kind::Bool:
            hash = mix(hash, value.as_bool());
            break;
        case Kind::Number:
            hash = mix(hash, std::hash<double>()(value.as_double()));
            break;
        case Kind::String:
            budget.text(value.as_string().size());
            hash = mix(hash, std::hash<std::string_view>()(value.as_string()));
            break;
        case Kind::Array:
            for (const Value& item : value.items())
                hash = mix(hash, hash_of(item, budget));
            break;
        case Kind::Object: {
            std::uint64_t sum = 0;  // a sum, because the order of members does not matter
            for (const json::Member& member : value.members()) {
                budget.text(member.key.size());
                sum += mix(std::hash<std::string>()(member.key), hash_of(member.value, budget));
            }
            hash = mix(hash, sum);
        }
    }
    return hash;
}

Outcome array_unique(Arguments arguments, const Surroundings& around) {
    around.budget.bytes(arguments[0].size() * 48);
    std::unordered_multimap<std::uint64_t, const Value*> seen;
    std::vector<Value> kept;
    for (const Value& item : arguments[0].items()) {
        const std::uint64_t hash = hash_of(item, around.budget);
        const auto [begin, end] = seen.equal_range(hash);
        const bool known = std::any_of(begin, end, [&](const auto& entry) {
            charge_comparison(item, *entry.second, around.budget);
            return json::equal(item, *entry.second);
        });
        if (known) continue;
        seen.emplace(hash, &item);
        kept.push_back(item);
    }
    return Value::array(std::move(kept));
}

// ---------------------------------------------------------------------------------------------- encodings

Outcome base64_encoded(Arguments arguments, const Surroundings& around) {
    around.budget.text(arguments[0].as_string().size());
    if (count_characters(arguments[0].as_string()) > kMaxCharacters) return invalid();
    return Value::string(base64_encode(arguments[0].as_string()));
}

Outcome base64_decoded(Arguments arguments, const Surroundings&) {
    if (arguments[0].as_string().size() > kMaxCharacters) return invalid();
    const auto data = base64_decode(arguments[0].as_string());
    if (!data || !json::is_storable(*data)) return invalid();
    return Value::string(*data);
}

Outcome hash(Arguments arguments, const Surroundings& around) {
    const std::string_view data = arguments[0].as_string();
    around.budget.text(data.size());
    const std::string_view algorithm = arguments[1].as_string();
    if (count_characters(data) > kMaxCharacters) return invalid();
    const auto digest = text::digest_hex(algorithm, data);
    if (!digest) return invalid();
    return Value::string(*digest);
}

// ---------------------------------------------------------------------------------------------- JSON

Outcome json_merge(Arguments arguments, const Surroundings& around) {
    if (arguments[2].as_bool()) return invalid("deep merging is not supported");
    const Value& left = arguments[0];
    const Value& right = arguments[1];
    around.budget.step(left.size() + right.size());
    around.budget.bytes((left.size() + right.size()) * sizeof(json::Member));
    std::vector<json::Member> members;
    for (const Value* object : {&left, &right}) {
        for (const json::Member& member : object->members())
            around.budget.bytes(member.key.size());
    }
    for (const json::Member& member : left.members()) {
        const Value* newer = right.find(member.key);
        members.push_back({member.key, newer != nullptr ? *newer : member.value});
    }
    for (const json::Member& member : right.members()) {
        if (left.find(member.key) == nullptr) members.push_back(member);
    }
    return Value::object(std::move(members));
}

Outcome string_to_json(Arguments arguments, const Surroundings& around) {
    const std::string_view text = arguments[0].as_string();
    around.budget.bytes(text.size());
    around.budget.step(text.size() / 8);
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Value();
    auto value = json::parse(text);
    if (!value.ok()) return invalid();
    // AWS's reader takes a negative zero for an integer.
    if (value->is_number() && value->number_as_text() == "-0") return Value::integer(0);
    return std::move(value).value();
}

Outcome json_to_string(Arguments arguments, const Surroundings& around) {
    around.budget.bytes(std::min(json::dumped_size(arguments[0]), kMaxCharge));
    around.budget.step(std::min(json::dumped_size(arguments[0]), kMaxCharge) / 16);
    return Value::string(json::dump(arguments[0]));
}

// ---------------------------------------------------------------------------------------------- numbers

Outcome math_add(Arguments arguments, const Surroundings&) {
    const auto a = rounded(arguments[0]);
    const auto b = rounded(arguments[1]);
    std::int64_t sum = 0;
    if (!a || !b || __builtin_add_overflow(*a, *b, &sum)) return invalid();
    return Value::integer(sum);
}

Outcome math_random(Arguments arguments, const Surroundings& around) {
    const auto start = truncated(arguments[0]);
    const auto end = truncated(arguments[1]);
    if (!start || !end || *start >= *end) return invalid();
    double unit = 0;
    if (arguments.size() == 3) {
        const auto seed = truncated(arguments[2]);
        if (!seed) return invalid();
        unit = java_random_unit(*seed);
    } else {
        unit = around.random.next_unit();
    }
    const auto width =
        static_cast<double>(static_cast<std::uint64_t>(*end) - static_cast<std::uint64_t>(*start));
    const auto offset = static_cast<std::uint64_t>(unit * width);
    const auto value = static_cast<std::int64_t>(static_cast<std::uint64_t>(*start) + offset);
    return Value::integer(std::min(value, *end - 1));
}

// ---------------------------------------------------------------------------------------------- strings

// Splits as java.util.StringTokenizer does: each character of the second string is a separator, and empty
// pieces are dropped.
Outcome string_split(Arguments arguments, const Surroundings& around) {
    const std::string_view text = arguments[0].as_string();
    const std::string_view separators = arguments[1].as_string();
    const auto character_at = [](std::string_view in, std::size_t at) {
        std::size_t length = 1;
        while (at + length < in.size() && (static_cast<unsigned char>(in[at + length]) & 0xc0) == 0x80)
            ++length;
        return in.substr(at, length);
    };
    std::vector<Value> pieces;
    std::size_t from = 0;
    const auto finish = [&](std::size_t to) {
        if (to == from) return;
        around.budget.bytes(sizeof(Value) + (to - from));
        pieces.push_back(Value::string(text.substr(from, to - from)));
    };
    for (std::size_t at = 0; at < text.size();) {
        const std::string_view character = character_at(text, at);
        around.budget.step(1 + separators.size() / 16);
        if (separators.find(character) != std::string_view::npos) {
            finish(at);
            from = at + character.size();
        }
        at += character.size();
    }
    finish(text.size());
    return Value::array(std::move(pieces));
}

Outcome uuid(Arguments, const Surroundings& around) {
    return Value::string(around.random.next_uuid());
}

// Prints containers as Java prints maps and lists: {a=1, b=[x, null]}.
void print_like_java(const Value& value, std::string& out, Budget& budget) {
    const Budget::Depth depth(budget);
    budget.step();
    const std::size_t before = out.size();
    switch (value.kind()) {
        case Kind::String:
            out += value.as_string();
            break;
        case Kind::Array:
            out += '[';
            for (const Value& item : value.items()) {
                if (&item != &value.items().front()) out += ", ";
                print_like_java(item, out, budget);
            }
            out += ']';
            break;
        case Kind::Object:
            out += '{';
            for (const json::Member& member : value.members()) {
                if (&member != &value.members().front()) out += ", ";
                budget.bytes(member.key.size() + 1);
                out += member.key;
                out += '=';
                print_like_java(member.value, out, budget);
            }
            out += '}';
            break;
        default:
            json::dump(value, out);
    }
    budget.bytes(value.is_array() || value.is_object() ? 2 : out.size() - before);
}

// Walks through a format: calls `literal` for text and `place` for each {}. Returns a message if the format
// is malformed.
template <class OnLiteral, class OnPlace>
std::optional<std::string> walk_format(std::string_view format, OnLiteral literal, OnPlace place) {
    for (std::size_t at = 0; at < format.size(); ++at) {
        const char c = format[at];
        const char next = at + 1 < format.size() ? format[at + 1] : '\0';
        if (c == '\\' && (next == '{' || next == '}' || next == '\\' || next == '\'')) {
            literal(next);
            ++at;
        } else if (c == '{') {
            if (next != '}') return "Invalid template in States.Format: matching '}' not found for '{'.";
            place();
            ++at;
        } else if (c == '}') {
            return "Invalid template in States.Format: matching '{' not found for '}'.";
        } else {
            literal(c);
        }
    }
    return std::nullopt;
}

constexpr const char* kWrongCount =
    "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}.";

Outcome format(Arguments arguments, const Surroundings& around) {
    std::string out;
    std::size_t used = 1;
    const std::string_view text = arguments[0].as_string();
    around.budget.bytes(text.size());
    around.budget.step(text.size() / 8);
    const auto problem = walk_format(
        text, [&](char c) { out.push_back(c); },
        [&] {
            if (used < arguments.size()) print_like_java(arguments[used], out, around.budget);
            ++used;
        });
    if (problem) return invalid(*problem);
    if (used != arguments.size()) return invalid(kWrongCount);
    return Value::string(out);
}

constexpr std::size_t kMany = std::numeric_limits<std::size_t>::max();

constexpr IntrinsicFunction kFunctions[] = {
    {"Array", 0, kMany, {kAny, kAny, kAny}, false, array},
    {"ArrayPartition", 2, 2, {kArray, kNumber, 0}, false, array_partition},
    {"ArrayContains", 2, 2, {kArray, kAny, 0}, false, array_contains},
    {"ArrayRange", 3, 3, {kNumber, kNumber, kNumber}, false, array_range},
    {"ArrayGetItem", 2, 2, {kArray, kNumber, 0}, true, array_get_item},
    {"ArrayLength", 1, 1, {kArray, 0, 0}, false, array_length},
    {"ArrayUnique", 1, 1, {kArray, 0, 0}, false, array_unique},
    {"Base64Encode", 1, 1, {kString, 0, 0}, true, base64_encoded},
    {"Base64Decode", 1, 1, {kString, 0, 0}, true, base64_decoded},
    {"Hash", 2, 2, {kString, kString, 0}, true, hash},
    {"JsonMerge", 3, 3, {kObject, kObject, kBool}, false, json_merge},
    {"StringToJson", 1, 1, {kString, 0, 0}, false, string_to_json},
    {"JsonToString", 1, 1, {kAny, 0, 0}, true, json_to_string},
    {"MathRandom", 2, 3, {kNumber, kNumber, kNumber}, false, math_random},
    {"MathAdd", 2, 2, {kNumber, kNumber, 0}, false, math_add},
    {"StringSplit", 2, 2, {kString, kString, 0}, false, string_split},
    {"UUID", 0, 0, {0, 0, 0}, true, uuid},
    {"Format", 1, kMany, {kString, kAny, kAny}, true, format},
};

}  // namespace

bool IntrinsicFunction::accepts(std::size_t argument, json::Kind kind) const noexcept {
    return (kinds[std::min<std::size_t>(argument, 2)] & kind_bit(kind)) != 0;
}

const IntrinsicFunction* find_intrinsic(std::string_view name) noexcept {
    for (const IntrinsicFunction& function : kFunctions) {
        if (function.name == name) return &function;
    }
    return nullptr;
}

std::string invalid_arguments(const IntrinsicFunction& function) {
    return "Invalid arguments in States." + std::string(function.name);
}

}  // namespace flowctl::path
