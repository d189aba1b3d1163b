// The status of a run, and its names in rows and documents.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace flowctl::machine {

enum class Status { Running, Succeeded, Failed, TimedOut, Aborted };
inline constexpr std::array<std::string_view, 5> kStatusNames = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT",
                                                                 "ABORTED"};

// What an open run is doing.
enum class Phase { Running, Waiting, Retrying, Paused };
inline constexpr std::array<std::string_view, 4> kPhaseNames = {"RUNNING", "WAITING", "RETRYING", "PAUSED"};

constexpr std::string_view name_of(Status status) noexcept {
    return kStatusNames[static_cast<std::size_t>(status)];
}
constexpr std::string_view name_of(Phase phase) noexcept {
    return kPhaseNames[static_cast<std::size_t>(phase)];
}

// nullopt if there is no status of this name.
constexpr std::optional<Status> status_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kStatusNames.size(); i++)
        if (kStatusNames[i] == name) return static_cast<Status>(i);
    return std::nullopt;
}

}  // namespace flowctl::machine
