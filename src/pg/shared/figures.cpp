// Figures in shared memory, one place for each slot. See figures.hpp.
#include "pg/shared/figures.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "pg/server/bridge.hpp"
#include "pg/shared/segment.hpp"

namespace flowctl::pg::figures {

namespace {

struct Place {
    slock_t mutex;
    Figures figures;
    std::int32_t issuer_count;
    IssuerRow issuers[kIssuers];
};

Place* places = nullptr;

std::size_t size() {
    return sizeof(Place) * static_cast<std::size_t>(max_worker_processes);
}

void attach(void* memory, bool is_new) {
    places = static_cast<Place*>(memory);
    if (!is_new) return;
    memset(memory, 0, size());
    for (int i = 0; i < max_worker_processes; i++)
        SpinLockInit(&places[i].mutex);
}

constexpr shmem::Segment kSegment{"pg_flowctl figures", size, attach};

template <std::size_t Size>
void put_text(char (&place)[Size], const std::string& text) {
    const std::string_view fits = first_bytes(text, Size - 1);
    std::copy(fits.begin(), fits.end(), place);
}

std::int64_t micros_of(const std::optional<std::chrono::system_clock::time_point>& time) {
    if (!time) return 0;
    return std::chrono::duration_cast<std::chrono::microseconds>(time->time_since_epoch()).count();
}

IssuerRow row_of(const net::IssuerFigures& issuer) {
    IssuerRow row{};
    put_text(row.name, issuer.name);
    put_text(row.url, issuer.url);
    put_text(row.last_failure_message, issuer.last_failure_message);
    row.token_requests = issuer.token_requests;
    row.tokens_issued = issuer.tokens_issued;
    row.failures = issuer.failures;
    row.cached_tokens = issuer.cached_tokens;
    row.last_success = micros_of(issuer.last_success);
    row.last_failure = micros_of(issuer.last_failure);
    row.circuit_until = micros_of(issuer.circuit_until);
    row.circuit = issuer.circuit;
    return row;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

void publish(int slot, const Figures& figures) noexcept {
    const shmem::Locked lock(places[slot].mutex);
    places[slot].figures = figures;
}

Figures view(int slot) noexcept {
    const shmem::Locked lock(places[slot].mutex);
    return places[slot].figures;
}

// One row under the lock at a time: a reader may see rows of before and after, each whole.
void publish_issuers(int slot, std::vector<net::IssuerFigures> issuers) {
    // There is room for some only, so the issuers that were asked last come first.
    const auto last = [](const net::IssuerFigures& one) {
        return std::max(one.last_success, one.last_failure);
    };
    std::sort(issuers.begin(), issuers.end(),
              [&](const auto& a, const auto& b) { return last(a) > last(b); });
    const auto count = std::min<std::size_t>(issuers.size(), kIssuers);
    Place& place = places[slot];
    for (std::size_t i = 0; i < count; i++) {
        const IssuerRow row = row_of(issuers[i]);
        const shmem::Locked lock(place.mutex);
        place.issuers[i] = row;
    }
    const shmem::Locked lock(place.mutex);
    place.issuer_count = static_cast<std::int32_t>(count);
}

bool view_issuer(int slot, int index, IssuerRow& issuer) noexcept {
    Place& place = places[slot];
    const shmem::Locked lock(place.mutex);
    if (index >= place.issuer_count) return false;
    issuer = place.issuers[index];
    return true;
}

void clear(int slot) noexcept {
    const shmem::Locked lock(places[slot].mutex);
    places[slot].figures = Figures{};
    places[slot].issuer_count = 0;
}

}  // namespace flowctl::pg::figures
