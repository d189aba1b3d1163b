// Reading the options of leases. See lease_terms.hpp.
#include "pg/endpoints/lease_terms.hpp"

#include <algorithm>

#include "pg/server/bridge.hpp"

namespace flowctl::pg::lease {

std::optional<std::vector<std::string>> read_names(std::string_view list) {
    std::string copy(list);
    List* names = NIL;
    const bool read = guarded([&] { return SplitIdentifierString(copy.data(), ',', &names); });
    if (!read || names == NIL) return std::nullopt;
    std::vector<std::string> result;
    ListCell* cell;
    foreach (cell, names)
        if (const char* name = static_cast<const char*>(lfirst(cell));
            std::find(result.begin(), result.end(), name) == result.end())
            result.emplace_back(name);
    return result;
}

std::optional<Terms> terms_of(const Options& options) {
    const std::string_view kind = option(options, "lease");
    if (kind.empty()) return std::nullopt;
    Terms terms;
    terms.kind = kind == "member" ? Kind::Member : Kind::Login;
    if (options.contains("lease_roles"))
        terms.roles = read_names(option(options, "lease_roles")).value_or(std::vector<std::string>{});
    if (const auto member = read_names(option(options, "lease_member"))) terms.member = member->front();
    terms.until_run = option(options, "lease_until") == "run";
    if (options.contains("lease_connections"))
        terms.connections = std::stoi(std::string(option(options, "lease_connections")));
    return terms;
}

}  // namespace flowctl::pg::lease
