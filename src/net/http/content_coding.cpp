// Implementation of content_coding.hpp.
#include "net/http/content_coding.hpp"

#include <string_view>

#include "base/ascii.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxShownBytes = 64;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::string content_coding(const std::vector<Header>& headers) {
    for (const Header& header : headers) {
        if (header.first != "content-encoding") continue;
        const std::string_view coding = trimmed(header.second);
        if (coding.empty() || ascii_lower(coding) == "identity") continue;
        std::string shown(coding.substr(0, kMaxShownBytes));
        for (char& c : shown)
            if (c < ' ' || c > '~') c = '?';
        return coding.size() > kMaxShownBytes ? shown + "..." : shown;
    }
    return {};
}

std::string content_coding_fault(const std::vector<Header>& headers) {
    const std::string coding = content_coding(headers);
    return coding.empty() ? coding : "is encoded (" + coding + "), which was not asked for";
}

}  // namespace flowctl::net
