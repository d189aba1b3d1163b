// Random: the parts that are not inline. See random.hpp for what the generator is and is not for.
#include "core/random.hpp"

namespace flowctl {

std::string Random::next_uuid() {
    // RFC 9562 §5.4: 122 random bits around the version (4) and the variant (binary 10).
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

}  // namespace flowctl
