// Base64 and URLs.
#include "base/utf8.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/text.hpp"

namespace flowctl::jsonata {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUnreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()";
constexpr std::string_view kReserved = ";/?:@&=+$,#";

Value base64_encode(const Call& call) {
    if (!call.has(0)) return {};
    // As in the reference implementation, the bytes are characters up to U+00FF ("binary").
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.bytes(text.size() * 3);
    call.evaluation.budget.step(text.size() / 4);
    std::string bytes;
    for (std::size_t at = 0; at < text.size();)
        bytes.push_back(static_cast<char>(decode_utf8(text, at) & 0xff));
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        for (std::size_t i = 0; i < 4; ++i)
            out.push_back(i <= count ? kAlphabet[group >> (18 - 6 * i) & 63] : '=');
    }
    return call.evaluation.text(out);
}

Value base64_decode(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.bytes(text.size() * 2);
    call.evaluation.budget.step(text.size() / 4);
    std::string out;
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
        if (c == '=') break;
        if (c == '-') c = '+';
        if (c == '_') c = '/';
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) continue;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            append_utf8(bits >> count & 0xff, out);
        }
    }
    return call.evaluation.text(out);
}

Value encode(const Call& call, const char* name, std::string_view also_kept) {
    if (!call.has(0)) return {};
    constexpr char kHex[] = "0123456789ABCDEF";
    const std::string_view text = call.at(0).string();
    if (has_lone_surrogate(text)) {
        throw Raised{.code = "D3140", .value = quoted(text), .value2 = name};
    }
    call.evaluation.budget.bytes(text.size() * 3);
    call.evaluation.budget.step(text.size() / 4);
    std::string out;
    for (const char c : text) {
        if (kUnreserved.find(c) != std::string_view::npos || also_kept.find(c) != std::string_view::npos) {
            out.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        }
    }
    return call.evaluation.text(out);
}

Value decode(const Call& call, const char* name, std::string_view kept) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.bytes(text.size());
    call.evaluation.budget.step(text.size() / 4);
    const auto malformed = [&] { return Raised{.code = "D3140", .value = quoted(text), .value2 = name}; };
    const auto digit = [&](std::size_t at) {
        const char c = at < text.size() ? text[at] : '\0';
        const char lower = static_cast<char>(c | 0x20);
        if (c >= '0' && c <= '9') return c - '0';
        if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
        throw malformed();
    };
    std::string out;
    std::string run;  // the escaped bytes of one run, which must be valid UTF-8 without their neighbours
    const auto flush = [&] {
        if (!is_utf8(run)) throw malformed();
        for (const char c : run) {
            if (kept.find(c) == std::string_view::npos) {
                out.push_back(c);
            } else {
                constexpr char kHex[] = "0123456789ABCDEF";
                out.push_back('%');
                out.push_back(kHex[c >> 4]);
                out.push_back(kHex[c & 15]);
            }
        }
        run.clear();
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%') {
            run.push_back(static_cast<char>(digit(at + 1) << 4 | digit(at + 2)));
            at += 2;
        } else {
            flush();
            out.push_back(text[at]);
        }
    }
    flush();
    return call.evaluation.text(out);
}

constexpr LibraryRow kRows[] = {
    {"base64encode", "<s-:s>", 1, 1, base64_encode},
    {"base64decode", "<s-:s>", 1, 1, base64_decode},
    {"encodeUrlComponent", "<s-:s>", 1, 1, [](const Call& c) { return encode(c, "encodeUrlComponent", ""); }},
    {"encodeUrl", "<s-:s>", 1, 1, [](const Call& c) { return encode(c, "encodeUrl", kReserved); }},
    {"decodeUrlComponent", "<s-:s>", 1, 1, [](const Call& c) { return decode(c, "decodeUrlComponent", ""); }},
    {"decodeUrl", "<s-:s>", 1, 1, [](const Call& c) { return decode(c, "decodeUrl", kReserved); }},
};

}  // namespace

std::span<const LibraryRow> encoding_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
