// Implementation of the limit on calls. See call_limit.hpp.
#include "pg/tasks/call_limit.hpp"

#include <algorithm>

#include <sys/resource.h>

#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

std::size_t connections = 0;  // that the descriptors are enough for; 0: not known

}  // namespace

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) connections = std::max<std::size_t>(1, limit.rlim_cur / 4 * 3);
}

std::size_t call_limit() noexcept {
    const auto wanted = static_cast<std::size_t>(guc::max_calls);
    return connections == 0 ? wanted : std::min(wanted, connections);
}

std::size_t call_limit_per_endpoint() noexcept {
    return std::min(call_limit(), static_cast<std::size_t>(guc::max_calls_per_endpoint));
}

std::size_t answer_memory() noexcept {
    return static_cast<std::size_t>(guc::answer_memory) * 1024;
}

}  // namespace flowctl::pg
