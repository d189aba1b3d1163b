// What the programs of the benchmarks share: clocks, percentiles, the way out.
//
// These programs are the client, the endpoint and the floors of test/bench/bench.sh. They know nothing of the
// extension's sources, and they print one line of plain numbers that the script reads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include <sys/resource.h>

namespace bench {

inline std::int64_t clock_us(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return time.tv_sec * std::int64_t{1'000'000} + time.tv_nsec / 1000;
}

// Of times that one process notes and another compares with its own.
inline std::int64_t now_us() {
    return clock_us(CLOCK_REALTIME);
}

inline double cpu_us() {
    return static_cast<double>(clock_us(CLOCK_PROCESS_CPUTIME_ID));
}

[[noreturn]] inline void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

// Sorts; 0 where there is nothing.
inline double percentile(std::vector<double>& values, double percent) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    return values[static_cast<std::size_t>(last * percent / 100 + 0.5)];
}

// Ten thousand connections want as many descriptors.
inline void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace bench
