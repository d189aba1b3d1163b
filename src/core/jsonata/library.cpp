// The table of the library.
#include "core/jsonata/library.hpp"

#include <algorithm>
#include <vector>

namespace flowctl::jsonata {
namespace {

std::vector<Builtin> make_table() {
    std::vector<Builtin> table;
    for (const auto& topic : {string_functions(), matching_functions(), encoding_functions(),
                              number_functions(), array_functions(), object_functions(),
                              higher_order_functions(), date_functions(), flow_functions()}) {
        for (const LibraryRow& row : topic)
            table.push_back({row, parse_signature(row.signature, 0), row.name == "eval"});
    }
    std::sort(table.begin(), table.end(),
              [](const Builtin& a, const Builtin& b) { return a.row.name < b.row.name; });
    return table;
}

}  // namespace

const Builtin* find_builtin(std::string_view name) {
    static const std::vector<Builtin> kTable = make_table();
    const auto found =
        std::lower_bound(kTable.begin(), kTable.end(), name,
                         [](const Builtin& b, std::string_view wanted) { return b.row.name < wanted; });
    return found != kTable.end() && found->row.name == name ? &*found : nullptr;
}

}  // namespace flowctl::jsonata
