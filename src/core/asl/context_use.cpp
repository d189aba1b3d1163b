// Looks for uses of the Context Object; see context_use.hpp.
#include "core/asl/context_use.hpp"

#include <algorithm>

#include "core/asl/jsonata_query.hpp"

namespace flowctl::asl {

namespace {

// Whether an expression in the JSON may read the Context Object.
bool any_reads_context(const json::Value& value, QueryLanguage language) {
    if (value.is_string()) {
        const std::string_view text = value.as_string();
        if (language == QueryLanguage::JsonPath) return text.find("$$") != std::string_view::npos;
        return is_jsonata(text) && may_read_context(text);
    }
    if (value.is_array()) {
        return std::any_of(value.items().begin(), value.items().end(), [language](const json::Value& item) {
            return any_reads_context(item, language);
        });
    }
    return value.is_object() && std::any_of(value.members().begin(), value.members().end(),
                                            [language](const json::Member& member) {
                                                return any_reads_context(member.value, language);
                                            });
}

}  // namespace

bool reads_context(const json::Value& state, QueryLanguage language) {
    return std::any_of(state.members().begin(), state.members().end(), [language](const json::Member& member) {
        const bool is_block =
            member.key == "Branches" || member.key == "ItemProcessor" || member.key == "Iterator";
        return !is_block && any_reads_context(member.value, language);
    });
}

}  // namespace flowctl::asl
