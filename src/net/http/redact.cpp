// Redactor. See redact.hpp.
//
// The text is searched as it is, then with its escapes undone, then with those undone that this brought to
// light; a map from each undone byte to its place in the text tells what to replace. memmem does the
// searching: it stays linear for whatever text the other side chooses.
#include "net/http/redact.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/ascii.hpp"
#include "base/base64.hpp"
#include "base/wipe.hpp"

namespace flowctl::net {
namespace {

constexpr std::string_view kReplacement = "[redacted]";
constexpr std::size_t kMinBase64 = 8;  // shorter ones appear by chance
constexpr int kLevels = 3;

using Range = std::pair<std::size_t, std::size_t>;  // [first, second)

// A level of the text and where each of its bytes comes from; without a map it is the text itself.
struct Level {
    std::string bytes;
    std::vector<std::uint32_t> origin;  // size() + 1 entries

    std::size_t place(std::size_t at) const noexcept { return origin.empty() ? at : origin[at]; }
};

int digit_value(char c, unsigned base) noexcept {
    const int value = hex_value(c);
    return value < static_cast<int>(base) ? value : -1;
}

// The number at the text's beginning of exactly `digits` digits in base 16.
int hex_number(std::string_view text, std::size_t digits) noexcept {
    if (text.size() < digits) return -1;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const int digit = hex_value(text[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

struct Escape {
    char byte;
    std::size_t length;
};

// "&#47;" and "&#x2F;"
Escape read_entity(std::string_view text) noexcept {
    if (!text.starts_with("&#")) return {'\0', 0};
    const bool hex = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
    const unsigned base = hex ? 16 : 10;
    const std::size_t begin = hex ? 3 : 2;
    int value = 0;
    for (std::size_t i = begin; i < text.size() && i < begin + 6; ++i) {
        if (text[i] == ';')
            return i > begin && value < 0x80 ? Escape{static_cast<char>(value), i + 1} : Escape{'\0', 0};
        const int digit = digit_value(text[i], base);
        if (digit < 0) break;
        value = value * static_cast<int>(base) + digit;
    }
    return {'\0', 0};
}

// The escape that the text begins with; length 0 if none.
Escape read_escape(std::string_view text) noexcept {
    if (text[0] == '%') {
        const int value = hex_number(text.substr(1), 2);
        if (value >= 0) return {static_cast<char>(value), 3};
    } else if (text[0] == '\\' && text.size() > 1) {
        if (text[1] == 'u') {
            const int value = hex_number(text.substr(2), 4);
            if (value >= 0 && value < 0x80) return {static_cast<char>(value), 6};
        } else if (text[1] == '"' || text[1] == '\\' || text[1] == '/') {
            return {text[1], 2};
        }
    } else if (text[0] == '&') {
        return read_entity(text);
    }
    return {'\0', 0};
}

// The level with its escapes undone; nothing of it if there are none.
Level undo_escapes(const Level& level) {
    Level out;
    const std::string_view text = level.bytes;
    if (text.find_first_of("%\\&") == text.npos) return out;
    out.bytes.reserve(text.size());
    out.origin.reserve(text.size() + 1);
    for (std::size_t i = 0; i < text.size();) {
        const Escape escape = read_escape(text.substr(i));
        out.bytes += escape.length > 0 ? escape.byte : text[i];
        out.origin.push_back(static_cast<std::uint32_t>(level.place(i)));
        i += escape.length > 0 ? escape.length : 1;
    }
    out.origin.push_back(static_cast<std::uint32_t>(level.place(text.size())));
    if (out.bytes.size() == text.size()) return {};
    return out;
}

bool is_base64(char c) noexcept {
    return is_ascii_alphanumeric(c) || c == '+' || c == '/' || c == '-' || c == '_';
}

}  // namespace

Redactor::~Redactor() {
    for (Needle& needle : needles_)
        wipe(needle.bytes);
}

void Redactor::add(std::string_view secret) {
    if (secret.empty()) return;
    needles_.push_back({std::string(secret), 0, 0});
    // Three ways to lie across base64's groups of three bytes. A needle holds the characters that are the
    // secret's alone.
    for (std::size_t offset = 0; offset < 3; ++offset) {
        std::string padded;
        padded.reserve(offset + secret.size());
        padded.append(offset, '\0').append(secret);
        std::string encoded = base64_encode(padded);
        wipe(padded);
        const std::size_t begin = (offset * 8 + 5) / 6;
        const std::size_t end = (offset + secret.size()) * 8 / 6;
        if (end >= begin + kMinBase64) {
            Needle needle{encoded.substr(begin, end - begin), offset > 0 ? 1U : 0U,
                          (offset + secret.size()) % 3 > 0 ? 1U : 0U};
            Needle url = needle;
            std::replace(url.bytes.begin(), url.bytes.end(), '+', '-');
            std::replace(url.bytes.begin(), url.bytes.end(), '/', '_');
            if (url.bytes != needle.bytes) needles_.push_back(std::move(url));
            needles_.push_back(std::move(needle));
        }
        wipe(encoded);
    }
}

bool Redactor::apply(std::string& text) const {
    if (needles_.empty() || text.empty()) return false;
    std::vector<Range> found;
    Level level{text, {}};
    for (int depth = 0; depth < kLevels && !level.bytes.empty(); ++depth) {
        const std::string& bytes = level.bytes;
        for (const Needle& needle : needles_) {
            std::size_t at = 0;
            while (at < bytes.size()) {
                const void* hit =
                    memmem(bytes.data() + at, bytes.size() - at, needle.bytes.data(), needle.bytes.size());
                if (hit == nullptr) break;
                std::size_t begin = static_cast<std::size_t>(static_cast<const char*>(hit) - bytes.data());
                std::size_t end = begin + needle.bytes.size();
                at = end;
                if (needle.before > 0 && begin > 0 && is_base64(bytes[begin - 1])) --begin;
                if (needle.behind > 0 && end < bytes.size() && is_base64(bytes[end])) ++end;
                found.emplace_back(level.place(begin), level.place(end));
            }
        }
        level = undo_escapes(level);
    }
    if (found.empty()) return false;

    std::sort(found.begin(), found.end());
    std::string out;
    std::size_t done = 0;
    for (const auto& [begin, end] : found) {
        if (end <= done) continue;
        if (begin >= done) {
            out.append(text, done, begin - done);
            out += kReplacement;
        }
        done = end;
    }
    out.append(text, done);
    wipe(text);
    text = std::move(out);
    return true;
}

}  // namespace flowctl::net
