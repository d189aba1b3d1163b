// Calls of functions in an executor: what it knows of functions and the plans of its statements.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pg/server/spi.hpp"
#include "pg/sql_steps/step_function.hpp"

namespace flowctl::pg {

// What a step fails with, as ASL names it.
struct StepFailure : std::exception {
    StepFailure(std::string name, std::string reason) : error(std::move(name)), cause(std::move(reason)) {}
    const char* what() const noexcept override { return error.c_str(); }
    std::string error;
    std::string cause;
};
// The failure of an error of SQL: SQL.<SQLSTATE>, and its fields as JSON.
StepFailure failure_of(const ErrorData& error);
StepFailure failure_of(const StepProblem& problem);

class StepCalls {
  public:
    StepCalls();

    // The functions of this name, as the catalog has them now. In a transaction.
    const std::vector<StepFunction>& functions(const std::string& name);
    // Calls the function as the current user. Gives its result as JSON text; empty: it has none. In a transaction.
    std::string call(const StepFunction& function, const MemberNames& members, const std::string& input);

  private:
    void forget_if_changed();

    std::map<std::string, std::vector<StepFunction>> functions_;  // by name, as it is written
    std::map<std::pair<Oid, MemberNames>, SPIPlanPtr> plans_;
    std::uint64_t seen_ = 0;
};

}  // namespace flowctl::pg
