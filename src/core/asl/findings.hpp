// Findings while they are collected: where the reader is in the document, and what is wrong there.
//
// A Where is a chain of stack objects, one for each level of the document, so that naming a place costs
// nothing until something is wrong with it. Findings come out in document order, whatever order the checks
// ran in. Internal to core/asl.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

inline constexpr std::string_view kSchema = "SCHEMA_VALIDATION_FAILED";
inline constexpr std::string_view kBadJson = "INVALID_JSON_DESCRIPTION";
inline constexpr std::string_view kNoTarget = "MISSING_TRANSITION_TARGET";
inline constexpr std::string_view kNoEnd = "MISSING_END_STATE";
inline constexpr std::string_view kDuplicateState = "DUPLICATE_STATE_NAME";
inline constexpr std::string_view kBadJsonata = "INVALID_JSONATA_EXPRESSION";
inline constexpr std::string_view kNoJsonata = "UNSUPPORTED_JSONATA_EXPRESSION";

// A place in the document. `key` must outlive the object: a literal, or a key of the document.
class Where {
  public:
    Where() = default;  // the whole document
    Where(const Where& parent, std::string_view key) : parent_(&parent), key_(key) {}
    Where(const Where& parent, std::size_t index) : parent_(&parent), index_(index), is_index_(true) {}

    std::string pointer() const;  // RFC 6901

  private:
    const Where* parent_ = nullptr;
    std::string_view key_;
    std::size_t index_ = 0;
    bool is_index_ = false;
};

std::string escape_pointer_token(std::string_view token);

class Findings {
  public:
    void error(const Where& where, std::string message, std::string_view code = kSchema);
    void error_at(std::string pointer, std::string message, std::string_view code = kSchema);

    bool any_error() const noexcept { return any_error_; }

    // Everything found, ordered by its place in `document`, at most 100.
    std::vector<Finding> in_document_order(const json::Value& document) &&;

  private:
    std::vector<Finding> found_;
    bool any_error_ = false;
};

}  // namespace flowctl::asl
