// Fields: the members of one object of a definition, read by name and type.
//
// The code that reads an object asks for its fields one by one and calls refuse_others() at the end. So the
// list of known fields is the code that reads them, and the two cannot differ. A field of the wrong type or
// out of range is reported once and treated as absent. A field that only states of the other query language
// have is refused with a message that says so. Messages are AWS's, where they are known.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "core/asl/findings.hpp"
#include "core/asl/model.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

class Fields {
  public:
    // `object` must be an object. It and `where` must outlive this.
    Fields(const json::Value& object, const Where& where, Findings& findings);
    // Says that the object is a state in this language, or a part of one.
    void set_language(QueryLanguage language) noexcept { language_ = language; }
    QueryLanguage language() const noexcept { return language_; }

    bool has(std::string_view name) const noexcept { return object_.find(name) != nullptr; }
    // The field, whatever its type; nullptr if it is absent.
    const json::Value* any(std::string_view name);
    const json::Value* object(std::string_view name);
    const json::Value* array(std::string_view name);
    std::optional<std::string_view> string(std::string_view name);
    std::optional<bool> boolean(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<double> number(std::string_view name, double least);

    // Reports each of `names` that is missing.
    void require(std::initializer_list<std::string_view> names);
    // Reports it if more than one of `names` is there, and returns false then.
    bool at_most_one(std::initializer_list<std::string_view> names);
    // Reports every member that nobody asked for.
    void refuse_others();

    Where at(std::string_view name) const { return Where(where_, name); }
    const Where& where() const noexcept { return where_; }
    Findings& findings() noexcept { return findings_; }

  private:
    const json::Value* typed(std::string_view name, json::Kind kind, std::string_view type_name);

    const json::Value& object_;
    const Where& where_;
    Findings& findings_;
    QueryLanguage language_ = QueryLanguage::JsonPath;
    std::vector<bool> asked_;
};

}  // namespace flowctl::asl
