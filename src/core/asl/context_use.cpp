// Looks for uses of the Context Object; see context_use.hpp.
#include "core/asl/context_use.hpp"

#include <algorithm>
#include <iterator>

#include "core/asl/jsonata_query.hpp"

namespace flowctl::asl {

namespace {

// Whether any string in the JSON is what `predicate` asks for.
template <class Predicate>
bool any_string(const json::Value& value, const Predicate& predicate) {
    if (value.is_string()) return predicate(value.as_string());
    if (value.is_array()) {
        return std::any_of(value.items().begin(), value.items().end(),
                           [&](const json::Value& item) { return any_string(item, predicate); });
    }
    return value.is_object() &&
           std::any_of(value.members().begin(), value.members().end(),
                       [&](const json::Member& member) { return any_string(member.value, predicate); });
}

// Whether a string of a JSONPath state may read the task's token: it mentions the Context Object other than
// for another part of it.
bool path_may_read_token(std::string_view text) {
    constexpr std::string_view kOthers[] = {".Execution", ".State", ".Map", ".Event"};
    for (std::size_t at = text.find("$$"); at != std::string_view::npos; at = text.find("$$", at + 2)) {
        const std::string_view rest = text.substr(at + 2);
        const bool other = std::any_of(std::begin(kOthers), std::end(kOthers),
                                       [rest](std::string_view part) { return rest.starts_with(part); });
        if (!other) return true;
    }
    return false;
}

}  // namespace

bool may_read_token(const json::Value& value, QueryLanguage language) {
    return any_string(value, [language](std::string_view text) {
        if (language == QueryLanguage::JsonPath) return path_may_read_token(text);
        return is_jsonata(text) && may_read_token(text);
    });
}

bool reads_context(const json::Value& state, QueryLanguage language) {
    return std::any_of(state.members().begin(), state.members().end(), [language](const json::Member& member) {
        const bool is_block =
            member.key == "Branches" || member.key == "ItemProcessor" || member.key == "Iterator";
        return !is_block && any_string(member.value, [language](std::string_view text) {
            if (language == QueryLanguage::JsonPath) return text.find("$$") != std::string_view::npos;
            return is_jsonata(text) && may_read_context(text);
        });
    });
}

}  // namespace flowctl::asl
