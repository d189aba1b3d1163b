// Names of flows, and references to one of a flow's versions.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace flowctl::asl {

inline constexpr std::size_t kMaxFlowName = 80;

// A name has 1 to 80 of the characters A-Z, a-z, 0-9, _ and -.
inline bool is_flow_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxFlowName) return false;
    for (const char c : name) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             c == '_' || c == '-';
        if (!allowed) return false;
    }
    return true;
}

// "name", "name:3" or "name:alias", split at the first colon. It is valid as long as the text it was made
// from.
struct FlowReference {
    std::string_view name;
    std::optional<std::string_view> qualifier;

    // The number of the version, counted from 1. Nothing if the qualifier is not a number.
    std::optional<std::int32_t> version() const noexcept {
        if (!qualifier) return std::nullopt;
        std::int32_t number = 0;
        const char* const last = qualifier->data() + qualifier->size();
        const auto [end, error] = std::from_chars(qualifier->data(), last, number);
        if (error != std::errc() || end != last || number < 1) return std::nullopt;
        return number;
    }
    bool is_well_formed() const noexcept {
        return is_flow_name(name) && (!qualifier || is_flow_name(*qualifier));
    }
};

inline FlowReference parse_flow_reference(std::string_view text) noexcept {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return {text, std::nullopt};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace flowctl::asl
