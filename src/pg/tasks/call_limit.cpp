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

CallLimits call_limits() noexcept {
    CallLimits limits;
    limits.calls = static_cast<std::size_t>(guc::max_calls);
    if (connections != 0) limits.calls = std::min(limits.calls, connections);
    limits.calls_per_endpoint = std::min(limits.calls, static_cast<std::size_t>(guc::max_calls_per_endpoint));
    limits.answer_bytes = static_cast<std::size_t>(guc::answer_memory) * 1024;
    return limits;
}

}  // namespace flowctl::pg
