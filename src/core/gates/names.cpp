// Ids by a digest. See names.hpp.
#include "core/gates/names.hpp"

#include "base/ascii.hpp"
#include "core/text/digest.hpp"

namespace flowctl::gates {

namespace {

// Lengths stand before the parts, so that no two lists of parts have the same text.
void add(std::string& text, const Key& part) {
    text += part ? std::to_string(part->size()) + ":" + *part : "-";
}

Uuid digest(const std::string& text) {
    const std::string hex = text::md5_hex(text);
    Uuid id{};
    for (std::size_t i = 0; i < id.size(); i++)
        id[i] = static_cast<std::uint8_t>(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
    return id;
}

Uuid of_flow(const char* kind, const Uuid& flow, const Key& first, const Key& second = std::nullopt) {
    std::string text = kind;
    text.append(reinterpret_cast<const char*>(flow.data()), flow.size());
    add(text, first);
    add(text, second);
    return digest(text);
}

}  // namespace

Uuid flow_gate(const Uuid& flow) {
    return of_flow("flow ", flow, std::nullopt);
}
Uuid concurrency_gate(const Uuid& flow, const Key& key) {
    return of_flow("concurrency ", flow, key);
}
Uuid rate_gate(const Uuid& flow, const Key& key) {
    return of_flow("rate ", flow, key);
}
Uuid named_gate(std::string_view limit) {
    return digest("limit " + std::string(limit));
}
Uuid line_of(const Uuid& flow, const Key& concurrency_key, const Key& rate_key) {
    return of_flow("line ", flow, concurrency_key, rate_key);
}
Uuid debounce_line(const Uuid& flow, const Key& key) {
    return of_flow("debounce ", flow, key);
}

}  // namespace flowctl::gates
