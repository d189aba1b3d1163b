// JSON: whatever parses, prints as JSON that parses to an equal value of the announced size.
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/json.hpp"

using namespace flowctl;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void check_round_trip(std::string_view text, const json::ParseLimits& limits) {
    const auto value = json::parse(text, limits);
    if (!value.ok()) {
        check(value.error().offset <= text.size() && !value.error().message.empty());
        return;
    }
    const std::string printed = json::dump(*value);
    check(json::dumped_size(*value) == printed.size());
    check(json::depth(*value) <= limits.max_depth);
    const auto again = json::parse(printed, limits);
    check(again.ok() && json::equal(*value, *again) && json::equal(*again, *value));
    check(json::dump(*again) == printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_round_trip(text, {});
    check_round_trip(text, {.max_bytes = 1 << 20, .max_depth = 50, .storable = false});
    return 0;
}
