// URLs. See url.hpp.
//
// Curl's own parser does the splitting: two parsers that disagree about a host are how address checks get
// bypassed. Curl tolerates control characters, user names and other schemes, and we do not: they are refused
// before or after its parser.
#include "net/http/url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "base/ascii.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxUrlBytes = 8192;
constexpr std::size_t kMaxHostBytes = 253;
constexpr int kMaxEncodingLevels = 5;

struct FreeUrl {
    void operator()(CURLU* handle) const noexcept { curl_url_cleanup(handle); }
};

// Servers take "..;x" for ".." (path parameters) and '\' for '/'.
bool has_dot_segment(std::string_view path) noexcept {
    std::size_t begin = 0;
    while (begin <= path.size()) {
        const std::size_t end = std::min(path.find_first_of("/\\", begin), path.size());
        const std::string_view segment = path.substr(begin, std::min(path.find(';', begin), end) - begin);
        if (segment == "." || segment == "..") return true;
        begin = end + 1;
    }
    return false;
}

// UTF-8 that takes more bytes than it needs, such as C0 AE for '.': forbidden, and read by some servers all the
// same. Other bytes beyond ASCII may be of another encoding.
bool has_overlong_utf8(std::string_view text) noexcept {
    const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        const unsigned next = at(i + 1);
        if (next < 0x80 || next > 0xbf) continue;
        if (at(i) == 0xc0 || at(i) == 0xc1 || (at(i) == 0xe0 && next < 0xa0) || (at(i) == 0xf0 && next < 0x90))
            return true;
    }
    return false;
}

// What is wrong with a path that somebody else than the endpoint's owner wrote.
std::optional<std::string> objection_to_path(std::string_view path) {
    if (path.find("//") != path.npos) return "holds \"//\"";
    if (path.find('\\') != path.npos) return "holds a backslash";
    if (path.find('@') != path.npos) return "holds \"@\"";
    if (path.find_first_of("?#") != path.npos) return "holds \"?\" or \"#\"";
    if (has_broken_percent(path)) return "holds \"%\" without two hexadecimal digits";

    std::string level(path);
    for (int i = 0; i < kMaxEncodingLevels; ++i) {
        if (has_control_character(level)) return "holds a control character";
        if (has_dot_segment(level)) return "holds a dot segment";
        if (level.find('\\') != level.npos) return "holds an encoded backslash";
        if (has_overlong_utf8(level)) return "holds a character in more bytes than it needs";
        if (level.find('%') == level.npos) return std::nullopt;
        std::string decoded = percent_decode(level);
        if (decoded == level) return std::nullopt;
        level = std::move(decoded);
    }
    return "is percent-encoded too many times";
}

// A name in ASCII or an address. Curl undoes percent-encoding in hosts, so any byte may appear in one; it is
// refused here.
bool is_host(std::string_view host) noexcept {
    if (host.empty() || host.size() > kMaxHostBytes) return false;
    if (host.front() == '[')
        return host.back() == ']' && host.find_first_not_of("0123456789abcdef:.", 1) == host.size() - 1;
    return host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == host.npos;
}

std::string part(CURLU* handle, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(handle, which, &text, flags) != CURLUE_OK) return {};
    std::unique_ptr<char, void (*)(void*)> owner(text, curl_free);
    return text;
}

}  // namespace

std::string Url::origin() const {
    std::string out = scheme + "://" + host;
    if (port != (scheme == "https" ? 443 : 80)) out += ":" + std::to_string(port);
    return out;
}

std::string Url::text() const {
    std::string out = origin() + path;
    if (!query.empty()) out += "?" + query;
    return out;
}

bool Url::same_origin(const Url& other) const noexcept {
    return scheme == other.scheme && host == other.host && port == other.port;
}

std::variant<Url, std::string> split_url(std::string_view text) {
    if (text.empty()) return "is empty";
    if (text.size() > kMaxUrlBytes) return "is longer than " + std::to_string(kMaxUrlBytes) + " bytes";
    for (unsigned char c : text) {
        if (c <= 0x20 || c == 0x7f) return "holds a space or control character";
        if (c >= 0x80) return "holds a character beyond ASCII";
        if (c == '\\') return "holds a backslash";
    }
    const std::size_t slashes = text.find("://");
    if (slashes == text.npos || text.substr(slashes + 3).starts_with('/')) return "is not a valid URL";
    std::unique_ptr<CURLU, FreeUrl> handle(curl_url());
    if (!handle) throw std::bad_alloc();
    const std::string terminated(text);
    const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, terminated.c_str(),
                                        CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS | CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code == CURLUE_USER_NOT_ALLOWED) return "holds a user name";
    if (code != CURLUE_OK) return "is not a valid URL";

    Url url;
    url.scheme = ascii_lower(part(handle.get(), CURLUPART_SCHEME));
    if (url.scheme != "https" && url.scheme != "http") return "has a scheme other than https and http";
    url.host = ascii_lower(part(handle.get(), CURLUPART_HOST));
    if (!is_host(url.host)) return "has no valid host";
    if (!part(handle.get(), CURLUPART_ZONEID).empty()) return "has an address with a zone";
    if (!part(handle.get(), CURLUPART_FRAGMENT).empty() || text.find('#') != text.npos)
        return "holds a fragment";
    const std::string port = part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0) return "has no valid port";
    url.path = part(handle.get(), CURLUPART_PATH);
    if (url.path.empty()) url.path = "/";
    url.query = part(handle.get(), CURLUPART_QUERY);
    return url;
}

std::variant<Url, std::string> resolve_reference(const Url& base, std::string_view reference) {
    reference = reference.substr(0, reference.find('#'));
    if (reference.size() > kMaxUrlBytes) return "is longer than " + std::to_string(kMaxUrlBytes) + " bytes";
    if (has_control_character(reference)) return "holds a control character";
    std::unique_ptr<CURLU, FreeUrl> handle(curl_url());
    if (!handle) throw std::bad_alloc();
    const std::string terminated(reference);
    if (curl_url_set(handle.get(), CURLUPART_URL, base.text().c_str(), CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_set(handle.get(), CURLUPART_URL, terminated.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return "is not a valid URL";
    return split_url(part(handle.get(), CURLUPART_URL));
}

std::variant<Url, std::string> join_path(const Url& base, std::string_view path) {
    if (path.empty()) return base;
    if (path.size() > kMaxUrlBytes) return "is longer than " + std::to_string(kMaxUrlBytes) + " bytes";
    if (auto objection = objection_to_path(path)) return *std::move(objection);
    if (path.front() == '/') path.remove_prefix(1);

    Url url = base;
    if (url.path.back() != '/') url.path += '/';
    static constexpr std::string_view kKept = "/%!$&'()*+,;=:";
    for (const char& c : path)
        url.path += kKept.find(c) == kKept.npos ? percent_encode({&c, 1}) : std::string(1, c);
    return url;
}

bool lies_under(const Url& base, const Url& url) {
    if (!base.same_origin(url)) return false;
    if (objection_to_path(url.path)) return false;
    if (url.path == base.path) return true;
    const std::string prefix = base.path.back() == '/' ? base.path : base.path + '/';
    return url.path.starts_with(prefix);
}

std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::string out;
    for (const auto& [name, value] : parameters) {
        if (!out.empty()) out += '&';
        out += percent_encode(name) + '=' + percent_encode(value);
    }
    return out;
}

void add_query(Url& url, std::string_view encoded) {
    if (encoded.empty()) return;
    if (!url.query.empty()) url.query += '&';
    url.query += encoded;
}

}  // namespace flowctl::net
