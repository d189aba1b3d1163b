// Parsing: RapidJSON reads the text; the handlers in here build values and refuse what cannot be stored.
//
// RapidJSON's iterative parser is used, so nesting needs heap and no stack. Numbers are passed to the handler
// as text. RapidJSON still refuses numbers beyond a double (1e400), which numeric columns can hold. Only then
// the text is parsed a second time: each number is replaced by a zero of the same length, and the handler
// takes the number's text from the original. Invariant: the text of a value that parse() returns was UTF-8
// and within the limits, and the value has no repeated key.
//
// check() reads in the same way and builds nothing. It is meant for payloads that are only stored.
#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "core/interrupt.hpp"
#include "core/json.hpp"
#include "core/json_number.hpp"
#include "third_party/rapidjson.hpp"

namespace flowctl::json {
namespace {

namespace rj = flowctl_rapidjson;

constexpr std::size_t kMaxStorableString = 64 * 1024 * 1024;
constexpr std::size_t kMaxStorableDigits = 1'000;

// Keys of an object below this size are compared pairwise; the keys of larger objects are sorted.
constexpr std::size_t kComparePairsBelow = 16;

bool is_number_character(char c) noexcept {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

std::string_view number_at(std::string_view text, std::size_t from) noexcept {
    std::size_t end = from;
    while (end < text.size() && is_number_character(text[end]))
        ++end;
    return text.substr(from, end - from);
}

// ASCII text is valid UTF-8, so its encoding needs no check of each character. Escapes in it can still stand
// for invalid characters.
bool is_ascii(std::string_view text) noexcept {
    constexpr std::uint64_t kHighs = 0x8080808080808080ULL;
    std::uint64_t seen = 0;
    std::size_t at = 0;
    for (; at + 8 <= text.size() && (seen & kHighs) == 0; at += 8)
        std::memcpy(&seen, text.data() + at, 8);
    if ((seen & kHighs) != 0) return false;
    return std::none_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(),
                        [](char c) { return static_cast<signed char>(c) < 0; });
}

// RapidJSON lets a lone \uDC00 to \uDFFF through. It is found by the encoding of a surrogate, ED A0..BF.
bool has_surrogate(std::string_view text) noexcept {
    for (std::size_t at = text.find('\xed'); at != std::string_view::npos; at = text.find('\xed', at + 1)) {
        if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
    }
    return false;
}

// Leaves one member per key. It has the place of the first one and the value of the last one.
void drop_repeated_keys(std::vector<Member>& members) {
    const std::size_t count = members.size();
    if (count < kComparePairsBelow) {
        for (std::size_t i = 1; i < members.size();) {
            const auto end = members.begin() + static_cast<std::ptrdiff_t>(i);
            const auto earlier =
                std::find_if(members.begin(), end, [&](const Member& m) { return m.key == members[i].key; });
            if (earlier == end) {
                ++i;
                continue;
            }
            earlier->value = std::move(members[i].value);
            members.erase(end);
        }
        return;
    }
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return members[a].key < members[b].key; });
    std::vector<bool> drop(count, false);
    bool any = false;
    for (std::size_t i = 1, first = 0; i < count; ++i) {
        if (members[order[i]].key != members[order[first]].key) {
            first = i;
            continue;
        }
        members[order[first]].value = std::move(members[order[i]].value);
        drop[order[i]] = true;
        any = true;
    }
    if (!any) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (drop[i]) continue;
        if (kept != i) members[kept] = std::move(members[i]);
        ++kept;
    }
    members.resize(kept);
}

// The checks that hold for every text. It is a handler of RapidJSON that gives no result.
class Checker {
  public:
    // If `original` is given, numbers are read from it instead of from the text that RapidJSON parses.
    Checker(const ParseLimits& limits, const rj::MemoryStream& stream, std::string_view original,
            bool from_original)
        : limits_(limits), stream_(stream), original_(original), from_original_(from_original) {}

    const char* refusal() const noexcept { return refusal_; }

    bool Null() { return look(); }
    bool Bool(bool) { return look(); }
    bool RawNumber(const char* text, rj::SizeType length, bool) {
        return fine_number(text, length).data() != nullptr;
    }
    bool String(const char* text, rj::SizeType length, bool) { return fine({text, length}); }
    bool Key(const char* text, rj::SizeType length, bool) { return fine({text, length}); }
    bool StartObject() { return descend(); }
    bool StartArray() { return descend(); }
    bool EndObject(rj::SizeType) { return ascend(); }
    bool EndArray(rj::SizeType) { return ascend(); }
    // Numbers are passed as text. These functions exist because RapidJSON's template needs them to compile.
    bool Int(int) { return true; }
    bool Uint(unsigned) { return true; }
    bool Int64(std::int64_t) { return true; }
    bool Uint64(std::uint64_t) { return true; }
    bool Double(double) { return true; }

  protected:
    // Looks for interrupts now and then. Always true.
    bool look(std::size_t bytes = 0) {
        poll_.round(1 + bytes / 64);
        return true;
    }
    bool refuse(const char* why) noexcept {
        refusal_ = why;
        return false;
    }
    // The text of the number as it was spelled. If the number is refused, data() is null.
    std::string_view fine_number(const char* text, rj::SizeType length) {
        look(length);
        std::string_view number(text, length);
        if (from_original_) number = number_at(original_, stream_.Tell() - 1);
        if (limits_.storable && number.size() > 3 && digits_written_out(number) > kMaxStorableDigits) {
            refuse("number with over 1000 digits when written out");
            return {};
        }
        return number;
    }
    bool fine(std::string_view text) {
        look(text.size());
        if (has_surrogate(text)) return refuse("lone surrogate in a string");
        if (!limits_.storable) return true;
        if (std::memchr(text.data(), '\0', text.size()) != nullptr) return refuse("\\u0000 in a string");
        if (text.size() > kMaxStorableString) return refuse("string of over 64 MB");
        return true;
    }
    bool descend() {
        look();
        if (depth_ >= limits_.max_depth) return refuse("nested too deeply");
        depth_++;
        return true;
    }
    bool ascend() {
        depth_--;
        return true;
    }

    Poll poll_;
    const ParseLimits& limits_;

  private:
    const rj::MemoryStream& stream_;
    std::string_view original_;
    bool from_original_;
    std::size_t depth_ = 0;
    const char* refusal_ = nullptr;
};

// Collects finished values on one stack. At the end of a container its content is taken from the top.
class Builder : public Checker {
  public:
    using Checker::Checker;

    Value take() { return std::move(stack_.back().value); }

    bool Null() { return push(Value()); }
    bool Bool(bool b) { return push(Value::boolean(b)); }
    bool RawNumber(const char* text, rj::SizeType length, bool) {
        const std::string_view number = fine_number(text, length);
        return number.data() != nullptr && push(Value::number_text(number));
    }
    bool String(const char* text, rj::SizeType length, bool) {
        return fine({text, length}) && push(Value::string({text, length}));
    }
    bool Key(const char* text, rj::SizeType length, bool) {
        if (!fine({text, length})) return false;
        stack_.push_back(Member{std::string(text, length), Value()});
        return true;
    }
    bool StartObject() { return open('{'); }
    bool StartArray() { return open('['); }
    bool EndObject(rj::SizeType count) {
        const auto from = stack_.end() - static_cast<std::ptrdiff_t>(count);
        std::vector<Member> members(std::make_move_iterator(from), std::make_move_iterator(stack_.end()));
        stack_.erase(from, stack_.end());
        drop_repeated_keys(members);
        if (limits_.unique_names && members.size() != count) return refuse("repeated member name");
        return close() && push(Value::object(std::move(members)));
    }
    bool EndArray(rj::SizeType count) {
        const auto from = stack_.end() - static_cast<std::ptrdiff_t>(count);
        std::vector<Value> items;
        items.reserve(count);
        for (auto at = from; at != stack_.end(); ++at)
            items.push_back(std::move(at->value));
        stack_.erase(from, stack_.end());
        return close() && push(Value::array(std::move(items)));
    }

  private:
    bool open(char bracket) {
        if (!descend()) return false;
        open_.push_back(bracket);
        return true;
    }
    bool close() {
        open_.pop_back();
        return ascend();
    }
    // A member's value goes to the place that its key has made.
    bool push(Value value) {
        if (!open_.empty() && open_.back() == '{') {
            stack_.back().value = std::move(value);
        } else {
            stack_.push_back(Member{std::string(), std::move(value)});
        }
        return true;
    }

    std::vector<Member> stack_;
    std::vector<char> open_;
};

std::string describe(rj::ParseErrorCode code) {
    switch (code) {
        case rj::kParseErrorDocumentEmpty:
            return "nothing there";
        case rj::kParseErrorDocumentRootNotSingular:
            return "text after the value";
        case rj::kParseErrorValueInvalid:
            return "not a value";
        case rj::kParseErrorObjectMissName:
            return "object member without a name";
        case rj::kParseErrorObjectMissColon:
            return "object member without a colon";
        case rj::kParseErrorObjectMissCommaOrCurlyBracket:
            return "object without comma or closing brace";
        case rj::kParseErrorArrayMissCommaOrSquareBracket:
            return "array without comma or closing bracket";
        case rj::kParseErrorStringUnicodeEscapeInvalidHex:
            return "wrong \\u escape in a string";
        case rj::kParseErrorStringUnicodeSurrogateInvalid:
            return "lone surrogate in a string";
        case rj::kParseErrorStringEscapeInvalid:
            return "wrong escape or control character in a string";
        case rj::kParseErrorStringMissQuotationMark:
            return "string without closing quotation mark";
        case rj::kParseErrorStringInvalidEncoding:
            return "not UTF-8";
        case rj::kParseErrorNumberMissFraction:
            return "number without digits after the point";
        case rj::kParseErrorNumberMissExponent:
            return "number without digits in the exponent";
        default:
            return "not JSON";
    }
}

// The text with each number outside of strings replaced by 0 and spaces, so that offsets stay the same.
std::string with_numbers_blanked(std::string_view text) {
    std::string blanked(text);
    bool in_string = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (in_string) {
            if (c == '\\') ++at;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            const std::string_view number = number_at(text, at);
            if (is_number_text(number)) {
                blanked[at] = '0';
                std::fill_n(blanked.begin() + static_cast<std::ptrdiff_t>(at) + 1, number.size() - 1, ' ');
            }
            at += number.size() - 1;
        }
    }
    return blanked;
}

// Parses the text, and then `give` makes the result of it. For `original` see Checker.
template <class Handler, class Give>
auto read_as(std::string_view seen, std::string_view original, bool from_original, const ParseLimits& limits,
             Give give) -> decltype(give(std::declval<Handler&>())) {
    rj::MemoryStream stream(seen.data(), seen.size());
    rj::Reader reader;
    Handler handler(limits, stream, original, from_original);
    constexpr unsigned kFlags = rj::kParseIterativeFlag | rj::kParseNumbersAsStringsFlag;
    const rj::ParseResult result =
        is_ascii(seen) ? reader.Parse<kFlags>(stream, handler)
                       : reader.Parse<kFlags | rj::kParseValidateEncodingFlag>(stream, handler);
    if (result.IsError()) {
        if (result.Code() == rj::kParseErrorNumberTooBig && !from_original) {
            return read_as<Handler>(with_numbers_blanked(original), original, true, limits, give);
        }
        std::string message = handler.refusal() != nullptr ? handler.refusal() : describe(result.Code());
        return Err{ParseError{result.Offset(), std::move(message)}};
    }
    // RapidJSON takes a NUL byte for the end of the text.
    if (stream.Tell() != seen.size()) return Err{ParseError{stream.Tell(), "text after the value"}};
    return give(handler);
}

template <class Handler, class Give>
auto read(std::string_view text, const ParseLimits& limits, Give give)
    -> decltype(give(std::declval<Handler&>())) {
    if (text.size() > limits.max_bytes || text.size() > std::numeric_limits<rj::SizeType>::max() / 2) {
        return Err{ParseError{limits.max_bytes, "text too long"}};
    }
    return read_as<Handler>(text, text, false, limits, give);
}

}  // namespace

Result<Value, ParseError> parse(std::string_view text, const ParseLimits& limits) {
    return read<Builder>(text, limits,
                         [](Builder& builder) -> Result<Value, ParseError> { return builder.take(); });
}

std::optional<ParseError> check(std::string_view text, const ParseLimits& limits) {
    const auto checked =
        read<Checker>(text, limits, [](Checker&) -> Result<bool, ParseError> { return true; });
    return checked ? std::nullopt : std::optional(checked.error());
}

}  // namespace flowctl::json
