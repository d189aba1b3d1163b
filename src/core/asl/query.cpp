// What a string of a JSONata field is; see query.hpp.
#include "core/asl/query.hpp"

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

// Whether `rest`, which follows $states, names a part of it that is not the Context Object.
bool names_other_part(std::string_view rest) noexcept {
    constexpr std::array<std::string_view, 3> kParts = {".input", ".result", ".errorOutput"};
    return std::any_of(kParts.begin(), kParts.end(), [rest](std::string_view part) {
        return rest.substr(0, part.size()) == part &&
               (rest.size() == part.size() || !is_name_character(rest[part.size()]));
    });
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
    for (std::size_t at = text.find(kStates); at != std::string_view::npos; at = text.find(kStates, at + 1)) {
        if (!names_other_part(text.substr(at + kStates.size()))) return true;
    }
    return false;
}

}  // namespace flowctl::asl
