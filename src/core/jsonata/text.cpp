// Counting, escaping and repairing texts.
#include "core/jsonata/text.hpp"

#include <algorithm>

namespace flowctl::jsonata {
namespace {

bool is_surrogate_at(std::string_view text, std::size_t at) noexcept {
    return text[at] == '\xed' && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0;
}

}  // namespace

std::size_t utf16_length(std::string_view text) noexcept {
    std::size_t length = 0;
    for (const char c : text)
        length += is_continuation(c) ? 0 : static_cast<unsigned char>(c) >= 0xf0 ? 2 : 1;
    return length;
}

std::size_t offset_of_character(std::string_view text, std::size_t n) noexcept {
    std::size_t at = 0;
    while (n > 0 && at < text.size()) {
        at += width_of(text[at]);
        --n;
    }
    return std::min(at, text.size());
}

bool has_lone_surrogate(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_surrogate_at(text, at)) return true;
    }
    return false;
}

std::string well_formed(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_surrogate_at(text, at)) {
            out += "\xef\xbf\xbd";
            at += 2;
        } else {
            out.push_back(text[at]);
        }
    }
    return out;
}

std::string for_message(std::string_view text) {
    std::string out;
    for (const char c : well_formed(text)) {
        if (c == '\0') {
            out += "\xef\xbf\xbd";
        } else {
            out.push_back(c);
        }
    }
    return out;
}

void append_quoted(std::string_view text, std::string& out) {
    constexpr char kHex[] = "0123456789abcdef";
    out.push_back('"');
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    out += "\\u00";
                    out.push_back(kHex[c >> 4]);
                    out.push_back(kHex[c & 15]);
                } else if (c == '\xed' && at + 2 < text.size() && is_surrogate_at(text, at)) {
                    const auto second = static_cast<unsigned char>(text[at + 1]);
                    const auto third = static_cast<unsigned char>(text[at + 2]);
                    out += "\\ud";
                    out.push_back(kHex[(second >> 2) & 15]);
                    out.push_back(kHex[((second & 3) << 2) | ((third >> 4) & 3)]);
                    out.push_back(kHex[third & 15]);
                    at += 2;
                } else {
                    out.push_back(c);
                }
        }
    }
    out.push_back('"');
}

}  // namespace flowctl::jsonata
