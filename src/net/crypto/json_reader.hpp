// Small JSON documents from issuers: read within limits, written without surprises.
//
// JsonObject::parse takes one JSON object of bounded size, depth and number of values, in valid UTF-8. A name
// that appears twice in one object is refused, because two readers of the same document must not see different
// values. The text lives in one buffer, which is wiped when the last copy of the object goes, since answers hold
// tokens; a view into it lives as long as a copy does. JsonWriter makes the objects that JWTs and JWKs consist
// of. RapidJSON is seen only by json_reader.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace flowctl::net {

struct JsonLimits {
    std::size_t bytes = 256 * 1024;
    std::size_t depth = 16;
    std::size_t values = 10000;
    // Whether a byte order mark in front is passed over (RFC 8259 §8.1): in a document that a server sends, and not in
    // what is signed or encrypted.
    bool byte_order_mark = false;
};

class JsonObject {
  public:
    enum class Kind { Absent, Null, Bool, Number, String, Array, Object };

    // The object, or what is wrong with the text (never quoting it).
    static std::variant<JsonObject, std::string> parse(std::string_view text, const JsonLimits& limits = {});

    Kind kind(std::string_view name) const;
    std::optional<std::string_view> string(std::string_view name) const;
    std::optional<double> number(std::string_view name) const;
    std::optional<bool> boolean(std::string_view name) const;
    // An array whose members are all strings, or all objects; else nothing.
    std::optional<std::vector<std::string_view>> strings(std::string_view name) const;
    std::optional<std::vector<JsonObject>> objects(std::string_view name) const;
    std::optional<JsonObject> object(std::string_view name) const;

  private:
    struct Document;
    JsonObject(std::shared_ptr<const Document> document, const void* value)
        : document_(std::move(document)), value_(value) {}
    const void* member(std::string_view name) const;

    std::shared_ptr<const Document> document_;
    const void* value_;  // the RapidJSON object inside document_
};

class JsonWriter {
  public:
    JsonWriter& add(std::string_view name, std::string_view value);
    JsonWriter& add(std::string_view name, std::int64_t value);
    JsonWriter& add(std::string_view name, const JsonWriter& object);
    JsonWriter& add(std::string_view name, const std::vector<std::string>& strings);
    JsonWriter& add_all(const JsonWriter& other);  // its members behind ours
    std::string text() const { return members_.empty() ? "{}" : "{" + members_ + "}"; }

  private:
    void append_string(std::string_view text);
    void begin_member(std::string_view name);
    std::string members_;
};

}  // namespace flowctl::net
