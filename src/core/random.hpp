// Random: random numbers from a seed that the caller gives, expanded by SplitMix64 (Steele, Lea and Flood,
// 2014). The same seed gives the same jitter, UUIDs and States.MathRandom, so the outcome of advance()
// depends on its arguments only. It must not be used for keys or tokens; src/net and src/pg take these from
// the operating system's generator.
#pragma once

#include <cstdint>
#include <string>

namespace flowctl {

class Random {
  public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    // Uniform in [0, 1).
    double next_unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    // A version 4 UUID (RFC 9562).
    std::string next_uuid();

  private:
    std::uint64_t state_;
};

// The first nextDouble() of Java's java.util.Random(seed), because AWS draws seeded random numbers in this
// way.
double java_random_unit(std::int64_t seed) noexcept;

}  // namespace flowctl
