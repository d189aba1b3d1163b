// The kinds of objects that flowctl.export() and flowctl.import() know.
//
// Reading and changing them is done by the views and functions of schema flowctl, as the caller. So an export
// has what the caller may see, an import needs the rights that each change needs by itself, and everything is
// checked as if the caller had done it by hand. A kind is one row of the list in kinds.cpp.
//
// An import never removes an object: what the document does not name stays as it is. Of an object that it
// names, each member that it has is made equal.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::records {

// What an import has changed, or would change, one line for each.
class Changes {
  public:
    static constexpr std::size_t kMostLines = 10'000;
    static constexpr std::size_t kMostOfOne = 200;  // of one object
    void add(std::string line);
    void add(const std::vector<std::string>& lines);
    const std::vector<std::string>& lines() const { return lines_; }

  private:
    std::vector<std::string> lines_;
    bool is_full_ = false;
};

struct Object {
    std::string name;
    json::Value value;
};

struct Kind {
    std::string_view key;  // in the document: "policies"
    // The objects whose names are LIKE the pattern, in the order of their names.
    std::function<std::vector<Object>(Spi& spi, const std::string& pattern)> read;
    // Makes the objects be as the document says, and notes each change.
    std::function<void(Spi& spi, const std::vector<json::Member>& objects, Changes& changes)> apply;
};
// In the order in which they are imported: what others need comes first.
const std::vector<Kind>& kinds();

// The kind "flows" (flow_documents.cpp).
Kind flow_kind();

}  // namespace flowctl::pg::records
