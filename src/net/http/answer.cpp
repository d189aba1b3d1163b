// The members of Answer. See dispatcher.hpp.
#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "net/http/dispatcher.hpp"

namespace flowctl::net {

const std::string* Answer::header(std::string_view name) const noexcept {
    const auto found = std::find_if(headers.begin(), headers.end(),
                                    [name](const Header& header) { return header.first == name; });
    return found == headers.end() ? nullptr : &found->second;
}

std::optional<Seconds> Answer::retry_after() const {
    constexpr double kLongest = 86400.0 * 365;
    const std::string* value = header("retry-after");
    if (value == nullptr || value->empty() || value->size() > 64) return std::nullopt;
    if (value->find_first_not_of("0123456789") == value->npos)
        return Seconds(std::min(std::strtod(value->c_str(), nullptr), kLongest));
    const std::time_t date = curl_getdate(value->c_str(), nullptr);
    if (date == -1) return std::nullopt;
    const double left = std::difftime(date, std::time(nullptr));
    return Seconds(std::clamp(left, 0.0, kLongest));
}

}  // namespace flowctl::net
