// Which strings of a JSONata field are expressions, and what they may read; see jsonata_query.hpp.
#include "core/asl/jsonata_query.hpp"

#include <algorithm>
#include <array>

namespace flowctl::asl {

namespace {

constexpr std::string_view kOpen = "{%";
constexpr std::string_view kClose = "%}";
constexpr std::string_view kStates = "$states";

bool is_name_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

// Whether the text mentions $states other than to name one of these parts of it.
template <std::size_t N>
bool reads_beyond(std::string_view text, const std::array<std::string_view, N>& parts) noexcept {
    for (std::size_t at = text.find(kStates); at != std::string_view::npos; at = text.find(kStates, at + 1)) {
        const std::string_view rest = text.substr(at + kStates.size());
        const bool named = std::any_of(parts.begin(), parts.end(), [rest](std::string_view part) {
            return rest.substr(0, part.size()) == part &&
                   (rest.size() == part.size() || !is_name_character(rest[part.size()]));
        });
        if (!named) return true;
    }
    return false;
}

}  // namespace

bool is_jsonata(std::string_view text) noexcept {
    return text.size() >= kOpen.size() + kClose.size() && text.starts_with(kOpen) && text.ends_with(kClose);
}

std::string_view jsonata_text(std::string_view text) noexcept {
    text.remove_prefix(kOpen.size());
    text.remove_suffix(kClose.size());
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

bool may_read_context(std::string_view text) noexcept {
    return reads_beyond(text, std::array<std::string_view, 3>{".input", ".result", ".errorOutput"});
}

bool may_read_token(std::string_view text) noexcept {
    return reads_beyond(text, std::array<std::string_view, 8>{".input", ".result", ".errorOutput",
                                                              ".context.Execution", ".context.State",
                                                              ".context.StateMachine", ".context.Map",
                                                              ".context.Event"});
}

// The recursion is as deep as the query, and a query is as deep as its definition.
bool may_read_result(const Query& query) {
    if (query.kind == Query::Kind::Expression)
        return reads_beyond(query.text,
                            std::array<std::string_view, 3>{".input", ".context", ".errorOutput"});
    return std::any_of(query.parts.begin(), query.parts.end(), may_read_result);
}

}  // namespace flowctl::asl
