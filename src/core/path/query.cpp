// Steps and queries, and how Jayway writes them in error texts.
#include "core/path/query.hpp"

namespace flowctl::path {
namespace {

struct FunctionName {
    std::string_view name;
    Function function;
};
constexpr FunctionName kFunctions[] = {
    {"length", Function::Length}, {"size", Function::Length}, {"min", Function::Min},
    {"max", Function::Max},       {"avg", Function::Avg},     {"sum", Function::Sum},
    {"stddev", Function::Stddev}, {"keys", Function::Keys},   {"concat", Function::Concat},
    {"append", Function::Append}, {"first", Function::First}, {"last", Function::Last},
    {"index", Function::Index},
};

}  // namespace

std::optional<Function> function_named(std::string_view name) noexcept {
    for (const FunctionName& known : kFunctions) {
        if (known.name == name) return known.function;
    }
    return std::nullopt;
}

bool Step::is_definite() const noexcept {
    switch (kind) {
        case Kind::Member:
        case Kind::Members:
        case Kind::Index:
        case Kind::Function:
            return true;
        default:
            return false;
    }
}

const json::Value* Step::member_of(const json::Value& object, std::size_t name) const noexcept {
    if (!written.empty()) {
        if (const json::Value* found = object.find(written[name])) return found;
    }
    return object.find(names[name]);
}

const std::string& Step::name_in(const json::Value& object, std::size_t name) const noexcept {
    return !written.empty() && object.find(written[name]) != nullptr ? written[name] : names[name];
}

std::string Step::fragment() const {
    switch (kind) {
        case Kind::Member:
        case Kind::Members: {
            std::string text = "[";
            for (const std::string& name : written.empty() ? names : written)
                text += (text.size() > 1 ? ", '" : "'") + name + "'";
            return text + "]";
        }
        case Kind::Index:
        case Kind::Indexes: {
            std::string text = "[";
            for (const std::int64_t index : indexes)
                text += (text.size() > 1 ? "," : "") + std::to_string(index);
            return text + "]";
        }
        case Kind::Slice:
            return "[" + (from ? std::to_string(*from) : "") + ":" + (to ? std::to_string(*to) : "") +
                   (stride != 1 ? ":" + std::to_string(stride) : "") + "]";
        case Kind::Wildcard:
            return "[*]";
        case Kind::Descend:
            return "..";
        case Kind::Filter:
            return "[?]";
        case Kind::Function:
            for (const FunctionName& known : kFunctions) {
                if (known.function == function) return "." + std::string(known.name) + "()";
            }
    }
    return "";
}

std::string Query::fragments(std::size_t count) const {
    std::string out = "$";
    for (std::size_t i = 0; i < count && i < steps.size(); ++i)
        out += steps[i].fragment();
    return out;
}

}  // namespace flowctl::path
