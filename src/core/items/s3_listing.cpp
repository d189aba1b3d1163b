// A page of S3's ListObjectsV2. See s3_listing.hpp.
#include "core/items/s3_listing.hpp"

#include <charconv>

#include "core/asl/timestamp.hpp"

namespace flowctl::items {

namespace {

// The content of the first element of this name, and what follows it; nullopt: there is none.
struct Element {
    std::string_view content;
    std::string_view rest;
};
std::optional<Element> element(std::string_view xml, std::string_view name) {
    const std::string open = "<" + std::string(name), close = "</" + std::string(name) + ">";
    for (std::size_t from = 0;;) {
        const std::size_t at = xml.find(open, from);
        if (at == std::string_view::npos) return std::nullopt;
        from = at + open.size();
        if (from >= xml.size()) return std::nullopt;
        if (xml[from] != '>' && xml[from] != ' ') continue;  // a longer name
        const std::size_t begin = xml.find('>', from);
        if (begin == std::string_view::npos) return std::nullopt;
        const std::size_t end = xml.find(close, begin);
        if (end == std::string_view::npos) return std::nullopt;
        return Element{xml.substr(begin + 1, end - begin - 1), xml.substr(end + close.size())};
    }
}

void append_utf8(std::string& out, std::uint32_t code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | (code >> 6));
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | (code >> 12));
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
        out += static_cast<char>(0xf0 | (code >> 18));
        out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
        out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    }
}

// Appends what &name; stands for; false: nothing that is known here.
bool append_entity(std::string& out, std::string_view name) {
    static constexpr std::pair<std::string_view, char> kNamed[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, character] : kNamed) {
        if (name != known) continue;
        out += character;
        return true;
    }
    if (!name.starts_with('#')) return false;
    const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    const std::string_view digits = name.substr(hex ? 2 : 1);
    std::uint32_t code = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    const bool is_character = code > 0 && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
    if (error != std::errc() || end != digits.data() + digits.size() || !is_character) return false;
    append_utf8(out, code);
    return true;
}

std::optional<std::string> decoded(std::string_view content) {
    std::string text;
    for (std::size_t i = 0; i < content.size(); i++) {
        if (content[i] == '<') return std::nullopt;
        if (content[i] != '&') {
            text += content[i];
            continue;
        }
        const std::size_t end = content.find(';', i);
        if (end == std::string_view::npos || end - i > 12) return std::nullopt;
        if (!append_entity(text, content.substr(i + 1, end - i - 1))) return std::nullopt;
        i = end;
    }
    return text;
}

std::optional<std::string> text_in(std::string_view xml, std::string_view name) {
    const auto found = element(xml, name);
    return found ? decoded(found->content) : std::nullopt;
}

}  // namespace

Result<S3Listing, std::string> read_s3_listing(std::string_view xml) {
    const auto result = element(xml, "ListBucketResult");
    if (!result) return Err{std::string("the answer is no ListBucketResult")};
    S3Listing listing;
    std::string_view rest = result->content;
    while (const auto object = element(rest, "Contents")) {
        rest = object->rest;
        const auto key = text_in(object->content, "Key");
        if (!key) return Err{std::string("an object of the answer has no Key")};
        json::ObjectBuilder item;
        if (const auto tag = text_in(object->content, "ETag")) item.add("Etag", *tag);
        item.add("Key", *key);
        if (const auto at = text_in(object->content, "LastModified"))
            if (const auto instant = asl::parse_timestamp(*at))
                item.add("LastModified", json::Value::integer(instant->seconds));
        if (const auto size = text_in(object->content, "Size")) {
            std::int64_t bytes = 0;
            std::from_chars(size->data(), size->data() + size->size(), bytes);
            item.add("Size", json::Value::integer(bytes));
        }
        if (const auto storage = text_in(object->content, "StorageClass")) item.add("StorageClass", *storage);
        listing.objects.push_back(item.build());
    }
    if (text_in(result->content, "IsTruncated") == "true")
        listing.next = text_in(result->content, "NextContinuationToken");
    return listing;
}

}  // namespace flowctl::items
