// Rules for methods and headers. See header_rules.hpp.
#include "net/http/header_rules.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxHeaders = 200;
constexpr std::size_t kMaxHeaderBytes = 65536;
constexpr std::size_t kMaxMethodBytes = 32;

// Framing, routing and hop-by-hop headers.
constexpr std::string_view kReserved[] = {
    "host",       "content-length", "transfer-encoding", "connection", "upgrade", "trailer", "te",
    "keep-alive", "expect",         "http2-settings"};

bool is_token_character(char c) noexcept {
    return is_ascii_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_value(std::string_view text) noexcept {
    return std::none_of(text.begin(), text.end(),
                        [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_reserved(std::string_view name) noexcept {
    return begins_as(name, "proxy-") ||
           std::any_of(std::begin(kReserved), std::end(kReserved),
                       [name](std::string_view reserved) { return reads_as(name, reserved); });
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
    return same_without_case(a, b);
}

bool reads_as(std::string_view a, std::string_view b) noexcept {
    const auto folded = [](char c) { return c == '_' ? '-' : ascii_lower(c); };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return folded(x) == folded(y); });
}

bool begins_as(std::string_view name, std::string_view prefix) noexcept {
    return reads_as(name.substr(0, prefix.size()), prefix);
}

std::optional<std::string> objection_to_method(std::string_view method) {
    if (!is_token(method) || method.size() > kMaxMethodBytes) return "the method is not a valid HTTP method";
    if (same_name(method, "CONNECT") || same_name(method, "TRACE"))
        return "the method " + std::string(method) + " is not allowed";
    return std::nullopt;
}

std::optional<std::string> objection_to_headers(const std::vector<Header>& headers) {
    if (headers.size() > kMaxHeaders)
        return "the request has more than " + std::to_string(kMaxHeaders) + " headers";
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers) {
        if (!is_token(name)) return "a header name is empty or holds a forbidden character";
        if (!is_value(value)) return "the value of header " + name + " holds a control character";
        if (is_reserved(name)) return "the header " + name + " may not be set";
        bytes += name.size() + value.size() + 4;
    }
    if (bytes > kMaxHeaderBytes)
        return "the headers are longer than " + std::to_string(kMaxHeaderBytes) + " bytes";
    return std::nullopt;
}

}  // namespace flowctl::net
