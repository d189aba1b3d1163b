// Items of any bytes in any pieces: the same as of the whole, whatever is wrong with them.
//
// The first byte chooses the format and its options, the second how the rest is cut into pieces.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/items/items.hpp"

using namespace flowctl;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

asl::ReaderConfig config_of(std::uint8_t code) {
    constexpr char kDelimiters[] = {',', '|', ';', ' ', '\t'};
    constexpr const char* kPointers[] = {"", "/a", "/a/0", "/~1/b", "/"};
    asl::ReaderConfig config;
    switch (code % 3) {
        case 0:
            config.input_type = asl::InputType::Csv;
            config.csv_delimiter = kDelimiters[code / 3 % 5];
            if (code / 15 % 2 != 0) config.csv_headers = std::vector<std::string>{"x", "y"};
            break;
        case 1:
            config.input_type = asl::InputType::Json;
            config.items_pointer = kPointers[code / 3 % 5];
            break;
        default:
            config.input_type = asl::InputType::Jsonl;
    }
    return config;
}

// Everything that comes of the text, as one text.
std::string read(const asl::ReaderConfig& config, std::string_view text, std::size_t piece) {
    const items::Limits limits{.max_item_bytes = 500, .max_depth = 20};
    const auto parser = items::make_parser(config, limits);
    std::vector<items::Item> found;
    bool failed = false;
    for (std::size_t at = 0; at < text.size() && !failed; at += piece)
        failed = parser->feed(text.substr(at, piece), found).has_value();
    const auto problem = parser->finish(found);
    require(!failed || problem.has_value());
    std::string out;
    for (const items::Item& item : found) {
        const std::string shown = json::dump(item.value);
        const auto again = json::parse(shown);
        require(again.ok() && json::equal(again.value(), item.value));
        out += item.key.value_or("-") + "=" + shown + "\n";
    }
    if (problem) {
        require(!problem->empty());
        out += "! " + *problem;
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const asl::ReaderConfig config = config_of(data[0]);
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::string whole = read(config, text, text.size() + 1);
    require(read(config, text, data[1] % 16 + 1) == whole);
    return 0;
}
