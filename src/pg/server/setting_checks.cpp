// Refusing values of settings. See setting_checks.hpp.
#include "pg/server/setting_checks.hpp"

#include <string>
#include <string_view>
#include <variant>

#include "base/ascii.hpp"
#include "core/asl/timestamp.hpp"
#include "net/crypto/secret.hpp"
#include "net/http/egress.hpp"
#include "net/http/url.hpp"

namespace flowctl::pg::guc {

// What the server keeps of a refusal is copied at once by GUC_check_errdetail.
static bool refuse(const char* reason) noexcept {
    GUC_check_errdetail("%s", reason);
    return false;
}

bool check_secrets_dir(char** value, void**, GucSource) noexcept {
    if (**value == '\0' || is_absolute_path(*value)) return true;
    return refuse("\"flowctl.secrets_dir\" must be an absolute path, or empty for none.");
}

bool check_pkcs11_module(char** value, void**, GucSource) noexcept {
    if (**value == '\0' || is_absolute_path(*value)) return true;
    return refuse("\"flowctl.pkcs11_module\" must be an absolute path, or empty for none.");
}

bool check_egress_allow(char** value, void**, GucSource) noexcept {
    try {
        const std::variant<net::EgressPolicy, std::string> policy = net::parse_egress_policy(*value);
        const std::string* reason = std::get_if<std::string>(&policy);
        return reason == nullptr || refuse(reason->c_str());
    } catch (...) {
        return refuse("The list could not be read: out of memory.");
    }
}

bool check_proxy(char** value, void**, GucSource) noexcept {
    const std::string_view url = *value;
    if (url.empty()) return true;
    for (const std::string_view scheme : {"http://", "https://", "socks5h://"})
        if (url.starts_with(scheme) && url.size() > scheme.size()) return true;
    return refuse(
        "\"flowctl.proxy\" must be a URL that starts with http://, https:// or socks5h://, or empty for "
        "none.");
}

// Relying parties compare the issuer byte by byte, so there is one spelling: no query, no slash at the end.
bool check_issuer_url(char** value, void**, GucSource) noexcept {
    try {
        const std::string_view text = *value;
        if (text.empty()) return true;
        const auto url = net::split_url(text);
        const net::Url* parts = std::get_if<net::Url>(&url);
        if (parts != nullptr && parts->scheme == "https" && parts->query.empty() && !text.ends_with('/') &&
            text.find_first_of("?#") == std::string_view::npos)
            return true;
    } catch (...) {
        return refuse("The URL could not be read: out of memory.");
    }
    return refuse(
        "\"flowctl.issuer_url\" must be an https URL without query, fragment and final slash, or empty for "
        "none.");
}

bool check_key_files(char** value, void**, GucSource) noexcept {
    const char* objection = net::objection_to_file_names(*value);
    return objection == nullptr || refuse(objection);
}

// What separates the parts of an identifier, or would not be seen, may be in none of them.
static bool is_arn_part(std::string_view text) noexcept {
    for (const char c : text)
        if (!is_ascii_alphanumeric(c) && c != '-' && c != '_' && c != '.') return false;
    return true;
}

bool check_arn_partition(char** value, void**, GucSource) noexcept {
    if (**value != '\0' && is_arn_part(*value)) return true;
    return refuse(
        "\"flowctl.arn_partition\" is a word of the characters A-Z, a-z, 0-9, -, _ and ., such as aws.");
}

bool check_arn_region(char** value, void**, GucSource) noexcept {
    if (**value != '\0' && is_arn_part(*value)) return true;
    return refuse(
        "\"flowctl.arn_region\" is a word of the characters A-Z, a-z, 0-9, -, _ and ., such as us-east-1.");
}

bool check_arn_account(char** value, void**, GucSource) noexcept {
    if (is_arn_part(*value)) return true;
    return refuse(
        "\"flowctl.arn_account\" is a word of the characters A-Z, a-z, 0-9, -, _ and ., such as "
        "123456789012, or empty for the database's name.");
}

static bool is_lower_hex(std::string_view text) noexcept {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// W3C Trace Context: version "-" trace-id "-" parent-id "-" flags, and after that only what later versions
// may add.
static bool is_traceparent(std::string_view text) noexcept {
    constexpr std::size_t kLength = 55;
    constexpr std::size_t kLongest = 256;
    if (text.size() < kLength || text.size() > kLongest) return false;
    const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32),
                           parent = text.substr(36, 16);
    if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
    if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(parent) ||
        !is_lower_hex(text.substr(53, 2)))
        return false;
    if (version == "ff" || trace.find_first_not_of('0') == std::string_view::npos ||
        parent.find_first_not_of('0') == std::string_view::npos)
        return false;
    if (text.size() == kLength) return true;
    for (const char c : text)
        if (c < 0x21 || c > 0x7e) return false;
    return version != "00" && text[kLength] == '-';
}

bool check_traceparent(char** value, void**, GucSource) noexcept {
    if (**value == '\0' || is_traceparent(*value)) return true;
    return refuse(
        "A traceparent has the form 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case, and "
        "its ids are not "
        "all zero.");
}

bool check_schedule_clock(char** value, void**, GucSource) noexcept {
    if (**value == '\0' || asl::parse_timestamp(*value)) return true;
    return refuse("A timestamp has the form 2026-03-29T00:59:58Z.");
}

}  // namespace flowctl::pg::guc
