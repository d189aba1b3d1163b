// Items from a stream of bytes: CSV, JSON and JSON Lines are parsed while they arrive.
//
// A document may be far larger than memory. So the receiver passes the pieces as they come and gets the items
// that have become complete. A parser holds at most one item, or one row, and its size is limited. The first
// mistake ends the parser: the message says what is wrong and where, and the rest of the document is ignored.
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

// One item from a reader.
struct Item {
    json::Value value;
    std::optional<std::string> key;     // the name of the member, if the items are those of an object
    std::optional<std::string> source;  // Map.Item.Source, if it is not the one of the whole map run
};

struct Limits {
    std::size_t max_item_bytes = 262'144;  // of the text that an item is made from
    std::size_t max_depth = 1'000;         // of a JSON item, and of the document around the items
};

class Parser {
  public:
    virtual ~Parser() = default;

    // feed() takes the next piece of the document, of any size, and finish() is called at its end. They add
    // the items that have become complete to `out`. Both return what is wrong, if something is; from then on
    // they do nothing.
    std::optional<std::string> feed(std::string_view bytes, std::vector<Item>& out);
    std::optional<std::string> finish(std::vector<Item>& out);

  protected:
    virtual bool take(std::string_view bytes, std::vector<Item>& out) = 0;
    virtual bool end(std::vector<Item>& out) = 0;
    // Remembers the reason. Always false.
    bool fail(std::string reason);

  private:
    // A byte order mark at the beginning of the document is not part of it.
    std::string_view without_mark(std::string_view bytes, std::string& rest);

    std::size_t seen_ = 0;  // how many bytes of a byte order mark have come
    bool begun_ = false;
    bool failed_ = false;
    std::string reason_;
};

// A parser for the input types CSV, JSON and JSONL; nullptr for the others.
std::unique_ptr<Parser> make_parser(const asl::ReaderConfig& config, const Limits& limits);

std::unique_ptr<Parser> make_csv_parser(const asl::ReaderConfig& config, const Limits& limits);
std::unique_ptr<Parser> make_json_parser(std::string_view items_pointer, const Limits& limits);
std::unique_ptr<Parser> make_jsonl_parser(const Limits& limits);

}  // namespace flowctl::items
