// The items within a JSON document; see items.hpp.
//
// The parser follows the JSON Pointer from container to container and skips everything beside it. The
// elements or members of the last container are the items, and each is parsed when it is complete. In skipped
// values only strings and brackets are tracked. Nesting needs no memory: the parser keeps a level only for
// each step of the pointer and for the items, and within a value it counts brackets.
#include <algorithm>
#include <charconv>

#include "core/items/items.hpp"

namespace flowctl::items {

namespace {

bool is_space(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::vector<std::string> tokens_of(std::string_view pointer) {
    std::vector<std::string> tokens;
    while (!pointer.empty()) {
        pointer.remove_prefix(1);  // the slash
        const std::size_t end = std::min(pointer.find('/'), pointer.size());
        std::string token;
        for (std::size_t i = 0; i < end; ++i) {
            const bool escaped = pointer[i] == '~' && i + 1 < end;
            if (escaped) {
                token += pointer[++i] == '1' ? '/' : '~';
            } else {
                token += pointer[i];
            }
        }
        tokens.push_back(std::move(token));
        pointer.remove_prefix(end);
    }
    return tokens;
}

// Follows one value byte by byte.
class ValueScan {
  public:
    enum class Step {
        Inside,  // the byte is part of the value
        Last,    // the byte is its last one
        After,   // the value ended before the byte
        Bad,
    };

    void begin() noexcept {
        depth_ = 0;
        in_string_ = escaped_ = any_ = false;
    }
    Step step(char c, std::size_t max_depth) noexcept {
        if (in_string_) return in_string(c);
        const bool first = !any_;
        if (depth_ == 0 && !first && (c == ',' || c == ']' || c == '}' || is_space(c))) return Step::After;
        any_ = true;
        if (c == '"') {
            // A string begins only with the first byte of a value or inside a container.
            if (depth_ == 0 && !first) return Step::Bad;
            in_string_ = true;
            return Step::Inside;
        }
        if (c == '{' || c == '[') {
            if ((depth_ == 0 && !first) || ++depth_ > max_depth) return Step::Bad;
            return Step::Inside;
        }
        if (c == '}' || c == ']') {
            if (depth_ == 0) return Step::Bad;
            return --depth_ == 0 ? Step::Last : Step::Inside;
        }
        if (depth_ == 0 && (c == ',' || c == ':')) return Step::Bad;
        return Step::Inside;
    }

  private:
    Step in_string(char c) noexcept {
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
        } else if (c == '"') {
            in_string_ = false;
            if (depth_ == 0) return Step::Last;
        }
        return Step::Inside;
    }

    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    bool any_ = false;
};

class JsonParser final : public Parser {
  public:
    JsonParser(std::string_view pointer, const Limits& limits)
        : limits_(limits), tokens_(tokens_of(pointer)) {}

  private:
    enum class Expect {
        Value,         // a value is expected: one on the way, an item, or one beside both
        FirstOrClose,  // in a container that has just been opened
        CommaOrClose,
        Key,
        Colon,
        InKey,    // the key is being read
        InValue,  // so is the value
        Nothing,  // the document has ended
    };
    enum class Purpose { Way, Item, Skipped };
    struct Level {
        bool is_object = false;
        bool of_items = false;
        std::size_t index = 0;  // the index of the next element
    };

    bool take(std::string_view bytes, std::vector<Item>& out) override {
        for (std::size_t i = 0; i < bytes.size();) {
            bool again = false;
            if (!step(bytes[i], again, out)) return false;
            if (again) continue;
            ++i;
            ++offset_;
        }
        return true;
    }

    bool end(std::vector<Item>&) override {
        if (expect_ != Expect::Nothing) return fail_here("the document ends too early");
        if (!found_) return fail("the ItemsPointer leads to nothing in the document");
        return true;
    }

    bool fail_here(std::string_view what) {
        return fail(std::string(what) + " at byte " + std::to_string(offset_));
    }

    // Takes the byte, or asks for it once more in another state by setting `again`.
    bool step(char c, bool& again, std::vector<Item>& out) {
        if (expect_ == Expect::InKey) return in_key(c);
        if (expect_ == Expect::InValue) return in_value(c, again, out);
        if (is_space(c)) return true;
        switch (expect_) {
            case Expect::Value:
                return begin_value(c, again);
            case Expect::FirstOrClose:
                if (c == (levels_.back().is_object ? '}' : ']')) return close();
                again = true;
                expect_ = levels_.back().is_object ? Expect::Key : Expect::Value;
                if (expect_ == Expect::Value) choose_element();
                return true;
            case Expect::CommaOrClose:
                if (c == (levels_.back().is_object ? '}' : ']')) return close();
                if (c != ',') return fail_here("a comma or the end of the container is missing");
                expect_ = levels_.back().is_object ? Expect::Key : Expect::Value;
                if (expect_ == Expect::Value) choose_element();
                return true;
            case Expect::Key:
                if (c != '"') return fail_here("a key is missing");
                text_.assign(1, c);
                scan_.begin();
                scan_.step(c, limits_.max_depth);
                expect_ = Expect::InKey;
                return true;
            case Expect::Colon:
                if (c != ':') return fail_here("a colon is missing");
                expect_ = Expect::Value;
                return true;
            default:
                return fail_here("something follows the end of the document");
        }
    }

    // Decides whether the next element is on the way, an item, or skipped.
    void choose_element() {
        Level& level = levels_.back();
        const std::size_t index = level.index++;
        if (level.of_items) {
            purpose_ = Purpose::Item;
            return;
        }
        const std::string& token = tokens_[levels_.size() - 1];
        std::size_t wanted = 0;
        const auto [last, error] = std::from_chars(token.data(), token.data() + token.size(), wanted);
        const bool is_index = error == std::errc() && last == token.data() + token.size() &&
                              (token.size() == 1 || token.front() != '0');
        purpose_ = !found_ && is_index && wanted == index ? Purpose::Way : Purpose::Skipped;
    }

    bool in_key(char c) {
        if (text_.size() >= limits_.max_item_bytes) return fail_here("a key is too long");
        text_ += c;
        if (scan_.step(c, limits_.max_depth) != ValueScan::Step::Last) return true;
        auto key = json::parse(text_, {.max_bytes = limits_.max_item_bytes});
        if (!key.ok()) return fail_here("a key is not text: " + key.error().message);
        key_ = key.value().as_string();
        if (levels_.back().of_items) {
            purpose_ = Purpose::Item;
        } else {
            purpose_ = !found_ && key_ == tokens_[levels_.size() - 1] ? Purpose::Way : Purpose::Skipped;
        }
        expect_ = Expect::Colon;
        return true;
    }

    bool begin_value(char c, bool& again) {
        if (purpose_ == Purpose::Way) {
            if (c != '[' && c != '{') {
                return fail_here(levels_.size() == tokens_.size()
                                     ? "the items are neither in an array nor in an object"
                                     : "the ItemsPointer leads into something that is no container");
            }
            Level level;
            level.is_object = c == '{';
            level.of_items = levels_.size() == tokens_.size();
            if (level.of_items) found_ = true;
            levels_.push_back(level);
            expect_ = Expect::FirstOrClose;
            return true;
        }
        text_.clear();
        scan_.begin();
        expect_ = Expect::InValue;
        again = true;
        return true;
    }

    bool in_value(char c, bool& again, std::vector<Item>& out) {
        const ValueScan::Step step = scan_.step(c, limits_.max_depth);
        if (step == ValueScan::Step::Bad) return fail_here("a value is not JSON, or nested too deeply");
        if (step == ValueScan::Step::After) {
            again = true;
            return end_value(out);
        }
        if (purpose_ == Purpose::Item) {
            if (text_.size() >= limits_.max_item_bytes)
                return fail_here("an item is longer than " + std::to_string(limits_.max_item_bytes) +
                                 " bytes");
            text_ += c;
        }
        return step == ValueScan::Step::Inside || end_value(out);
    }

    bool end_value(std::vector<Item>& out) {
        expect_ = Expect::CommaOrClose;
        if (purpose_ != Purpose::Item) return true;
        auto value =
            json::parse(text_, {.max_bytes = limits_.max_item_bytes, .max_depth = limits_.max_depth});
        if (!value.ok()) return fail_here("an item is not JSON: " + value.error().message);
        Item item{std::move(value).value(), std::nullopt, std::nullopt};
        if (levels_.back().is_object) item.key = key_;
        out.push_back(std::move(item));
        return true;
    }

    bool close() {
        levels_.pop_back();
        expect_ = levels_.empty() ? Expect::Nothing : Expect::CommaOrClose;
        return true;
    }

    const Limits limits_;
    const std::vector<std::string> tokens_;
    Expect expect_ = Expect::Value;
    Purpose purpose_ = Purpose::Way;
    std::vector<Level> levels_;
    ValueScan scan_;
    bool found_ = false;
    std::string text_;  // the text of the key or item that is being read
    std::string key_;
    std::size_t offset_ = 0;
};

}  // namespace

std::unique_ptr<Parser> make_json_parser(std::string_view items_pointer, const Limits& limits) {
    return std::make_unique<JsonParser>(items_pointer, limits);
}

}  // namespace flowctl::items
