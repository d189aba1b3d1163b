// Signals for polling sessions. See task_signals.hpp.
#include "pg/shared/task_signals.hpp"

#include <cstdint>

#include "pg/shared/segment.hpp"

namespace flowctl::pg::task_signals {

namespace {

constexpr std::uint32_t kSignals = 128;

ConditionVariableMinimallyPadded* signals = nullptr;

std::size_t size() {
    return sizeof(ConditionVariableMinimallyPadded) * kSignals;
}

void attach(void* memory, bool is_new) {
    signals = static_cast<ConditionVariableMinimallyPadded*>(memory);
    if (!is_new) return;
    for (std::uint32_t i = 0; i < kSignals; i++)
        ConditionVariableInit(&signals[i].cv);
}

constexpr shmem::Segment kSegment{"pg_flowctl task signals", size, attach};

// FNV-1a.
std::uint32_t number_of(Oid database, std::string_view activity) noexcept {
    std::uint32_t hash = 2'166'136'261u ^ database;
    for (const char c : activity)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619u;
    return hash % kSignals;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

void tasks_wait(Oid database, std::string_view activity) noexcept {
    if (signals != nullptr) ConditionVariableBroadcast(&signals[number_of(database, activity)].cv);
}

ConditionVariable* signal_of(Oid database, std::string_view activity) noexcept {
    return signals == nullptr ? nullptr : &signals[number_of(database, activity)].cv;
}

}  // namespace flowctl::pg::task_signals
