// JSON Schema, draft 7: whether a value fits a schema, and where it does not.
//
// Schemas come from users and values from rows, and both are checked in the transaction of an application. So
// everything is bounded: a schema in size, depth, number of parts and length of their places when it is compiled;
// a check by a budget.
// References lead to places in the same schema only. Patterns are our regular expressions (core/text), whose
// time grows with the length of the text and no faster. A schema that refers to itself without going down into
// the value is refused, since its check would not end.
//
// Of the formats, date-time, date, time, uuid, email, ipv4 and ipv6 are checked; others are notes, as are the
// keywords that draft 7 does not know.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "core/budget.hpp"
#include "core/json.hpp"

namespace flowctl::schema {

// What is wrong, and where: a JSON Pointer (RFC 6901), empty for the whole.
struct Problem {
    std::string pointer;
    std::string message;  // "is not of type integer"
};

struct Node;

class Schema {
  public:
    static constexpr std::size_t kMaxBytes = 128 * 1024;
    static constexpr std::size_t kMaxDepth = 100;
    static constexpr std::size_t kMaxNodes = 5'000;
    static constexpr std::size_t kMaxPointerBytes = 4'000;  // of the place of a part; each part has one
    static constexpr std::size_t kMaxInstructions = 100'000;  // of all patterns together
    // What one check may use. Its depth bounds the stack.
    static constexpr Budget::Limits kLimits{2'000'000, 64 * 1024 * 1024, 500};

    // The problem is one of the schema.
    static Result<Schema, Problem> compile(const json::Value& schema);

    // The first thing that does not fit; nullopt: the value is valid. Throws BudgetExceeded.
    std::optional<Problem> check(const json::Value& value, Budget& budget) const;

    struct Nodes;

  private:
    explicit Schema(std::shared_ptr<const Nodes> nodes) : nodes_(std::move(nodes)) {}
    std::shared_ptr<const Nodes> nodes_;
};

}  // namespace flowctl::schema
