// Items from a stream of bytes: CSV, JSON and JSON Lines, taken apart while they arrive.
//
// A document may be far larger than memory. The receiver feeds the pieces as they come and gets the items that
// have become complete; a parser holds at most one item, or one row, whose size is limited. The first mistake
// ends the parser: the message says what is wrong and where, and nothing that comes later is looked at.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/asl/model.hpp"
#include "core/json.hpp"

namespace flowctl::items {

// One item, as a reader gives it.
struct Item {
    json::Value value;
    std::optional<std::string> key;     // of a member, when the items are those of an object
    std::optional<std::string> source;  // Map.Item.Source, where it is not that of the whole map run
};

struct Limits {
    std::size_t max_item_bytes = 262'144;  // of the text that an item is made from
    std::size_t max_depth = 1'000;         // of a JSON item, and of what is around the items
};

class Parser {
  public:
    virtual ~Parser() = default;

    // The next piece of the document, of any size, and at its end finish(). Items that have become complete
    // are added to `out`. Both return what is wrong, if something is: from then on they do nothing.
    std::optional<std::string> feed(std::string_view bytes, std::vector<Item>& out);
    std::optional<std::string> finish(std::vector<Item>& out);

  protected:
    virtual bool take(std::string_view bytes, std::vector<Item>& out) = 0;
    virtual bool end(std::vector<Item>& out) = 0;
    // Remembers the reason; false.
    bool fail(std::string reason);

  private:
    // A byte order mark at the beginning of the document is not part of it.
    std::string_view without_mark(std::string_view bytes, std::string& rest);

    std::size_t seen_ = 0;  // bytes of a byte order mark
    bool begun_ = false;
    bool failed_ = false;
    std::string reason_;
};

// For the input types CSV, JSON and JSONL; nullptr for the others.
std::unique_ptr<Parser> make_parser(const asl::ReaderConfig& config, const Limits& limits);

std::unique_ptr<Parser> make_csv_parser(const asl::ReaderConfig& config, const Limits& limits);
std::unique_ptr<Parser> make_json_parser(std::string_view items_pointer, const Limits& limits);
std::unique_ptr<Parser> make_jsonl_parser(const Limits& limits);

}  // namespace flowctl::items
