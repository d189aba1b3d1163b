// Implementation of json_reader.hpp.
//
// RapidJSON parses in place, iteratively, into a Document that refers to our buffer, so that no copy of a
// long string exists elsewhere; a filter in front of the Document counts values and depth and ends the parse
// at a limit.
#include "net/crypto/json_reader.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "third_party/rapidjson.hpp"

namespace flowctl::net {
namespace rj = flowctl_rapidjson;

struct JsonObject::Document {
    std::string buffer;
    rj::Document tree;

    Document() = default;
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;
    ~Document() { OPENSSL_cleanse(buffer.data(), buffer.size()); }
};

namespace {

constexpr std::size_t kLongestSequence = 4;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // RFC 8259 §8.1: may be ignored

// Passes RapidJSON's events on as long as they stay within the limits.
class LimitedHandler {
  public:
    LimitedHandler(rj::Document& next, const JsonLimits& limits) : next_(next), limits_(limits) {}

    bool Null() { return count() && next_.Null(); }
    bool Bool(bool b) { return count() && next_.Bool(b); }
    bool Int(int i) { return count() && next_.Int(i); }
    bool Uint(unsigned u) { return count() && next_.Uint(u); }
    bool Int64(std::int64_t i) { return count() && next_.Int64(i); }
    bool Uint64(std::uint64_t u) { return count() && next_.Uint64(u); }
    bool Double(double d) { return count() && next_.Double(d); }
    bool RawNumber(const char* s, rj::SizeType n, bool copy) {
        return count() && next_.RawNumber(s, n, copy);
    }
    bool String(const char* s, rj::SizeType n, bool copy) { return count() && next_.String(s, n, copy); }
    bool Key(const char* s, rj::SizeType n, bool copy) { return next_.Key(s, n, copy); }
    bool StartObject() { return enter() && next_.StartObject(); }
    bool StartArray() { return enter() && next_.StartArray(); }
    bool EndObject(rj::SizeType n) { return --depth_, next_.EndObject(n); }
    bool EndArray(rj::SizeType n) { return --depth_, next_.EndArray(n); }

    bool exceeded() const { return exceeded_; }

  private:
    bool count() {
        if (++values_ > limits_.values) exceeded_ = true;
        return !exceeded_;
    }
    bool enter() {
        if (++depth_ > limits_.depth) exceeded_ = true;
        return count();
    }

    rj::Document& next_;
    const JsonLimits& limits_;
    std::size_t values_ = 0;
    std::size_t depth_ = 0;
    bool exceeded_ = false;
};

std::string_view text_of(const rj::Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

// Walks without recursion: the tree is bounded by the limits already.
bool has_duplicate_names(const rj::Value& root) {
    std::vector<const rj::Value*> open{&root};
    std::vector<std::string_view> names;
    while (!open.empty()) {
        const rj::Value& value = *open.back();
        open.pop_back();
        if (value.IsArray()) {
            for (const rj::Value& element : value.GetArray()) {
                if (element.IsArray() || element.IsObject()) open.push_back(&element);
            }
        } else if (value.IsObject()) {
            names.clear();
            for (const auto& entry : value.GetObject()) {
                names.push_back(text_of(entry.name));
                if (entry.value.IsArray() || entry.value.IsObject()) open.push_back(&entry.value);
            }
            std::sort(names.begin(), names.end());
            if (std::adjacent_find(names.begin(), names.end()) != names.end()) return true;
        }
    }
    return false;
}

const rj::Value* as_value(const void* pointer) {
    return static_cast<const rj::Value*>(pointer);
}

}  // namespace

std::variant<JsonObject, std::string> JsonObject::parse(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.bytes) return "is longer than " + std::to_string(limits.bytes) + " bytes";
    if (limits.byte_order_mark && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

    auto document = std::make_shared<Document>();
    // RapidJSON takes all the bytes that the first one of a UTF-8 sequence announces before it looks at them.
    document->buffer.reserve(text.size() + kLongestSequence);
    document->buffer.assign(text);
    document->buffer.append(kLongestSequence, '\0');
    rj::InsituStringStream stream(document->buffer.data());
    rj::Reader reader;
    LimitedHandler handler(document->tree, limits);
    rj::ParseResult result;
    auto generate = [&](rj::Document&) {
        constexpr unsigned kFlags =
            rj::kParseInsituFlag | rj::kParseIterativeFlag | rj::kParseValidateEncodingFlag;
        result = reader.Parse<kFlags>(stream, handler);
        return !result.IsError();
    };
    document->tree.Populate(generate);

    if (handler.exceeded()) return std::string("is nested too deeply or has too many values");
    if (result.IsError()) return std::string("is not valid JSON");
    if (stream.Tell() != text.size())
        return std::string("is not valid JSON");  // a NUL ended the stream early
    if (!document->tree.IsObject()) return std::string("is not a JSON object");
    if (has_duplicate_names(document->tree)) return std::string("has a name twice in one object");
    const void* root = static_cast<const rj::Value*>(&document->tree);
    return JsonObject(std::move(document), root);
}

const void* JsonObject::member(std::string_view name) const {
    const rj::Value key(rj::StringRef(name.data(), static_cast<rj::SizeType>(name.size())));
    const auto found = as_value(value_)->FindMember(key);
    return found == as_value(value_)->MemberEnd() ? nullptr : &found->value;
}

JsonObject::Kind JsonObject::kind(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr) return Kind::Absent;
    switch (value->GetType()) {
        case rj::kNullType:
            return Kind::Null;
        case rj::kFalseType:
        case rj::kTrueType:
            return Kind::Bool;
        case rj::kNumberType:
            return Kind::Number;
        case rj::kStringType:
            return Kind::String;
        case rj::kArrayType:
            return Kind::Array;
        case rj::kObjectType:
            return Kind::Object;
    }
    return Kind::Absent;
}

std::optional<std::string_view> JsonObject::string(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr || !value->IsString()) return std::nullopt;
    return text_of(*value);
}

std::optional<double> JsonObject::number(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr || !value->IsNumber()) return std::nullopt;
    return value->GetDouble();
}

std::optional<bool> JsonObject::boolean(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr || !value->IsBool()) return std::nullopt;
    return value->GetBool();
}

std::optional<std::vector<std::string_view>> JsonObject::strings(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr || !value->IsArray()) return std::nullopt;
    std::vector<std::string_view> out;
    out.reserve(value->Size());
    for (const rj::Value& element : value->GetArray()) {
        if (!element.IsString()) return std::nullopt;
        out.push_back(text_of(element));
    }
    return out;
}

std::optional<std::vector<JsonObject>> JsonObject::objects(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr || !value->IsArray()) return std::nullopt;
    std::vector<JsonObject> out;
    out.reserve(value->Size());
    for (const rj::Value& element : value->GetArray()) {
        if (!element.IsObject()) return std::nullopt;
        out.push_back(JsonObject(document_, &element));
    }
    return out;
}

std::optional<JsonObject> JsonObject::object(std::string_view name) const {
    const rj::Value* value = as_value(member(name));
    if (value == nullptr || !value->IsObject()) return std::nullopt;
    return JsonObject(document_, value);
}

void JsonWriter::append_string(std::string_view text) {
    rj::StringBuffer buffer;
    rj::Writer<rj::StringBuffer> writer(buffer);
    writer.String(text.data(), static_cast<rj::SizeType>(text.size()));
    members_.append(buffer.GetString(), buffer.GetSize());
}

void JsonWriter::begin_member(std::string_view name) {
    if (!members_.empty()) members_ += ',';
    append_string(name);
    members_ += ':';
}

JsonWriter& JsonWriter::add(std::string_view name, std::string_view value) {
    begin_member(name);
    append_string(value);
    return *this;
}

JsonWriter& JsonWriter::add(std::string_view name, std::int64_t value) {
    begin_member(name);
    members_ += std::to_string(value);
    return *this;
}

JsonWriter& JsonWriter::add(std::string_view name, const JsonWriter& object) {
    begin_member(name);
    members_ += object.text();
    return *this;
}

JsonWriter& JsonWriter::add(std::string_view name, const std::vector<std::string>& strings) {
    begin_member(name);
    members_ += '[';
    for (std::size_t i = 0; i < strings.size(); ++i) {
        if (i > 0) members_ += ',';
        append_string(strings[i]);
    }
    members_ += ']';
    return *this;
}

JsonWriter& JsonWriter::add_all(const JsonWriter& other) {
    if (!members_.empty() && !other.members_.empty()) members_ += ',';
    members_ += other.members_;
    return *this;
}

}  // namespace flowctl::net
