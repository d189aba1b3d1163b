// Collects findings. They come out in document order, in whatever order the checks ran.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/asl/walk.hpp"
#include "core/json.hpp"

namespace flowctl::asl {

inline constexpr std::string_view kSchema = "SCHEMA_VALIDATION_FAILED";
inline constexpr std::string_view kBadJson = "INVALID_JSON_DESCRIPTION";
inline constexpr std::string_view kNoTarget = "MISSING_TRANSITION_TARGET";
inline constexpr std::string_view kNoEnd = "MISSING_END_STATE";
inline constexpr std::string_view kDuplicateState = "DUPLICATE_STATE_NAME";
inline constexpr std::string_view kBadJsonata = "INVALID_JSONATA_EXPRESSION";
inline constexpr std::string_view kNoJsonata = "UNSUPPORTED_JSONATA_EXPRESSION";
inline constexpr std::string_view kUnusedToken = "TASK_TOKEN_NOT_USED";
inline constexpr std::string_view kLeftOut = "FINDINGS_LEFT_OUT";

// The most findings that a definition gets, as on AWS.
inline constexpr std::size_t kMostFindings = 100;

// Cuts the list to kMostFindings. The last finding then says how many others there are, including
// `not_listed` ones that were found and are not in the list.
void bound_findings(std::vector<Finding>& findings, std::size_t not_listed = 0);

class Findings {
  public:
    void error(const Where& where, std::string message, std::string_view code = kSchema);
    void warning(const Where& where, std::string message, std::string_view code);
    void error_at(std::string pointer, std::string message, std::string_view code = kSchema);

    bool any_error() const noexcept { return any_error_; }

    // All findings, ordered by their places in `document` and cut by bound_findings().
    std::vector<Finding> in_document_order(const json::Value& document) &&;

  private:
    bool keeps_more() const noexcept;
    void add(Finding::Severity severity, std::string pointer, std::string message, std::string_view code);

    std::vector<Finding> found_;
    std::size_t not_kept_ = 0;
    std::size_t kept_bytes_ = 0;
    bool any_error_ = false;
};

}  // namespace flowctl::asl
