// Implementation of schema_formats.hpp.
#include "core/schema/schema_formats.hpp"

#include <algorithm>
#include <string>

#include "base/ascii.hpp"
#include "core/asl/timestamp.hpp"

namespace flowctl::schema {

namespace {

bool is_hex(char c) {
    return hex_value(c) >= 0;
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

// RFC 3339 lets t and z be small.
bool is_timestamp(std::string_view text) {
    if (text.size() < 20 || text.size() > 64) return false;
    std::string capital(text);
    if (capital[10] == 't') capital[10] = 'T';
    if (capital.back() == 'z') capital.back() = 'Z';
    return asl::parse_timestamp(capital).has_value();
}

bool is_date(std::string_view text) {
    return text.size() == 10 && is_timestamp(std::string(text) + "T00:00:00Z");
}

bool is_time(std::string_view text) {
    return text.size() >= 9 && text.size() <= 50 && is_timestamp("2000-01-01T" + std::string(text));
}

bool is_email(std::string_view text) {
    const std::size_t at = text.rfind('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
           text.find_first_of(" \t\r\n") == std::string_view::npos;
}

bool is_ipv4(std::string_view text) {
    int numbers = 0;
    while (true) {
        const std::size_t end = std::min(text.find('.'), text.size());
        const std::string_view part = text.substr(0, end);
        if (part.empty() || part.size() > 3 || part.find_first_not_of("0123456789") != std::string_view::npos)
            return false;
        if ((part.size() > 1 && part.front() == '0') || std::stoi(std::string(part)) > 255) return false;
        numbers++;
        if (end == text.size()) break;
        text.remove_prefix(end + 1);
    }
    return numbers == 4;
}

// The number of 16-bit groups in a list of them; -1: it is none. An IPv4 address at the end counts as two.
int groups_in(std::string_view text) {
    int groups = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(':'), text.size());
        const std::string_view part = text.substr(0, end);
        if (end == text.size() && part.find('.') != std::string_view::npos) return is_ipv4(part) ? groups + 2 : -1;
        if (part.empty() || part.size() > 4 || !std::all_of(part.begin(), part.end(), is_hex)) return -1;
        groups++;
        if (end == text.size()) return groups;
        text.remove_prefix(end + 1);
        if (text.empty()) return -1;
    }
    return groups;
}

bool is_ipv6(std::string_view text) {
    if (text.size() > 45) return false;
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) return groups_in(text) == 8;
    const int before = groups_in(text.substr(0, gap)), after = groups_in(text.substr(gap + 2));
    return before >= 0 && after >= 0 && before + after <= 7;
}

}  // namespace

bool has_format(Format format, std::string_view text) {
    switch (format) {
        case Format::None:
            return true;
        case Format::DateTime:
            return is_timestamp(text);
        case Format::Date:
            return is_date(text);
        case Format::Time:
            return is_time(text);
        case Format::Uuid:
            return is_uuid(text);
        case Format::Email:
            return is_email(text);
        case Format::Ipv4:
            return is_ipv4(text);
        case Format::Ipv6:
            return is_ipv6(text);
    }
    return true;
}

}  // namespace flowctl::schema
