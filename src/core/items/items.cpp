// The functions that all parsers share, and JSON Lines; see items.hpp.
#include "core/items/items.hpp"

#include <algorithm>

namespace flowctl::items {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class JsonLinesParser final : public Parser {
  public:
    explicit JsonLinesParser(const Limits& limits) : limits_(limits) {}

  private:
    bool take(std::string_view bytes, std::vector<Item>& out) override {
        while (!bytes.empty()) {
            const std::size_t end = bytes.find('\n');
            const std::string_view piece = bytes.substr(0, end);
            // One byte more is allowed, because it may be the carriage return of the line's end.
            if (line_.size() + piece.size() > limits_.max_item_bytes + 1) return fail_as_too_long();
            line_ += piece;
            if (end == std::string_view::npos) return true;
            if (!take_line(out)) return false;
            bytes.remove_prefix(end + 1);
        }
        return true;
    }
    bool end(std::vector<Item>& out) override { return take_line(out); }

    bool take_line(std::vector<Item>& out) {
        if (line_.ends_with('\r')) line_.pop_back();
        if (line_.size() > limits_.max_item_bytes) return fail_as_too_long();
        const bool blank = line_.find_first_not_of(" \t\r") == std::string::npos;
        if (!blank) {
            auto value =
                json::parse(line_, {.max_bytes = limits_.max_item_bytes, .max_depth = limits_.max_depth});
            if (!value.ok())
                return fail("line " + std::to_string(number_) + " is not JSON: " + value.error().message);
            out.push_back({std::move(value).value(), std::nullopt, std::nullopt});
        }
        line_.clear();
        ++number_;
        return true;
    }

    bool fail_as_too_long() {
        return fail("line " + std::to_string(number_) + " is longer than " +
                    std::to_string(limits_.max_item_bytes) + " bytes");
    }

    const Limits limits_;
    std::string line_;
    std::size_t number_ = 1;
};

}  // namespace

bool Parser::fail(std::string reason) {
    failed_ = true;
    reason_ = std::move(reason);
    return false;
}

std::string_view Parser::without_mark(std::string_view bytes, std::string& rest) {
    if (begun_) return bytes;
    while (!bytes.empty() && seen_ < kByteOrderMark.size() && bytes.front() == kByteOrderMark[seen_]) {
        ++seen_;
        bytes.remove_prefix(1);
    }
    if (seen_ == kByteOrderMark.size()) {
        begun_ = true;
        return bytes;
    }
    if (bytes.empty()) return bytes;
    // The text began like a byte order mark and is none.
    begun_ = true;
    rest = std::string(kByteOrderMark.substr(0, seen_)).append(bytes);
    return rest;
}

std::optional<std::string> Parser::feed(std::string_view bytes, std::vector<Item>& out) {
    if (failed_) return reason_;
    std::string rest;
    const std::string_view text = without_mark(bytes, rest);
    if (!text.empty() && !take(text, out)) return reason_;
    return std::nullopt;
}

std::optional<std::string> Parser::finish(std::vector<Item>& out) {
    if (failed_) return reason_;
    if (!begun_ && seen_ > 0 && !take(kByteOrderMark.substr(0, seen_), out)) return reason_;
    if (!end(out)) return reason_;
    return std::nullopt;
}

std::unique_ptr<Parser> make_jsonl_parser(const Limits& limits) {
    return std::make_unique<JsonLinesParser>(limits);
}

std::unique_ptr<Parser> make_parser(const asl::ReaderConfig& config, const Limits& limits) {
    switch (config.input_type) {
        case asl::InputType::Csv:
            return make_csv_parser(config, limits);
        case asl::InputType::Json:
            return make_json_parser(config.items_pointer, limits);
        case asl::InputType::Jsonl:
            return make_jsonl_parser(limits);
        default:
            return nullptr;
    }
}

}  // namespace flowctl::items
