// Random: the functions that are not inline. random.hpp says which purposes the generator may serve.
#include "core/random.hpp"

namespace flowctl {

std::string Random::next_uuid() {
    // RFC 9562: 122 random bits around the version (4) and the variant (binary 10).
    const std::uint64_t high = (next() & 0xffffffffffff0fffULL) | 0x0000000000004000ULL;
    const std::uint64_t low = (next() & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;

    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (int nibble = 0; nibble < 32; ++nibble) {
        if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) text.push_back('-');
        const std::uint64_t half = nibble < 16 ? high : low;
        text.push_back(kDigits[(half >> (60 - 4 * (nibble % 16))) & 0xf]);
    }
    return text;
}

double java_random_unit(std::int64_t seed) noexcept {
    constexpr std::uint64_t kFactor = 0x5deece66dULL, kMask = (1ULL << 48) - 1;
    std::uint64_t state = (static_cast<std::uint64_t>(seed) ^ kFactor) & kMask;
    const auto next = [&state](int bits) {
        state = (state * kFactor + 0xb) & kMask;
        return state >> (48 - bits);
    };
    const std::uint64_t high = next(26);
    return static_cast<double>((high << 27) + next(27)) * 0x1.0p-53;
}

}  // namespace flowctl
