// Candidates are found by their first byte. This is fastest if few candidates match any further, but it is
// quadratic for texts such as "aaa...ab" in "aaa...". So when more bytes have been compared in vain than were
// passed, the search goes on with the table of Knuth, Morris and Pratt.
#include "core/text/find.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace flowctl::text {
namespace {

constexpr std::size_t kPart = 1024;  // bytes between two charges to the budget

std::size_t find_by_table(std::string_view text, std::string_view wanted, std::size_t from, Budget& budget) {
    // For each beginning of `wanted` that has matched: how much of it still matches after a mismatch.
    budget.bytes(wanted.size() * sizeof(std::uint32_t));
    std::vector<std::uint32_t> falls(wanted.size(), 0);
    std::uint32_t matched = 0;
    for (std::size_t i = 1; i < wanted.size(); ++i) {
        if (i % kPart == 0) budget.step(kPart / 16);
        while (matched > 0 && wanted[i] != wanted[matched])
            matched = falls[matched - 1];
        if (wanted[i] == wanted[matched]) ++matched;
        falls[i] = matched;
    }
    matched = 0;
    for (std::size_t at = from; at < text.size(); ++at) {
        if (at % kPart == 0) budget.step(kPart / 16);
        while (matched > 0 && text[at] != wanted[matched])
            matched = falls[matched - 1];
        if (text[at] == wanted[matched]) ++matched;
        if (matched == wanted.size()) return at + 1 - matched;
    }
    return std::string_view::npos;
}

}  // namespace

std::size_t find(std::string_view text, std::string_view wanted, std::size_t from, Budget& budget) {
    if (from > text.size() || wanted.size() > text.size() - from) return std::string_view::npos;
    if (wanted.empty()) return from;
    const std::size_t last = text.size() - wanted.size();
    std::size_t in_vain = 0;
    for (std::size_t at = from; at <= last; ++at) {
        const std::size_t left = last - at + 1;
        const void* candidate = std::memchr(text.data() + at, wanted.front(), left);
        if (candidate == nullptr) {
            budget.text(left);
            return std::string_view::npos;
        }
        const auto found = static_cast<std::size_t>(static_cast<const char*>(candidate) - text.data());
        budget.step(1 + (found - at) / 64);
        at = found;
        const std::string_view here = text.substr(at, wanted.size());
        const auto alike =
            static_cast<std::size_t>(std::mismatch(here.begin(), here.end(), wanted.begin()).first - here.begin());
        budget.text(alike);
        if (alike == wanted.size()) return at;
        in_vain += alike;
        if (in_vain > 4096 + 4 * (at - from)) return find_by_table(text, wanted, at + 1, budget);
    }
    return std::string_view::npos;
}

}  // namespace flowctl::text
