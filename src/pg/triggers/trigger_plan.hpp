// What one trigger does with the changes of one statement.
#pragma once

#include <optional>
#include <string>

#include "pg/starts/start.hpp"
#include "pg/triggers/change_text.hpp"
#include "pg/triggers/row_json.hpp"
#include "pg/triggers/trigger_options.hpp"

namespace flowctl::pg {

// A change as the input that a run may get.
struct Change {
    ChangeKind kind;
    bool is_statement;  // it stands for all rows that the statement changed
    std::string input;  // JSON text
    bool is_fit;        // it is known to hold nothing that cannot be kept
};

class TriggerPlan {
  public:
    // `memory` lives as long as the object.
    TriggerPlan(const TriggerData& data, MemoryContext memory);

    const TriggerOptions& options() const { return options_; }
    const RowJson& rows() const { return rows_; }
    const ChangeText& text() const { return text_; }
    const std::string& trigger() const { return trigger_; }
    Oid trigger_oid() const { return trigger_oid_; }

    // Starts the run of a change, unless the option `when` says no. With on_error=record, what speaks against the run
    // is recorded in place of it; otherwise it is raised. The run is in the name of the current user.
    void start(Relation table, Change change);
    // Does with an error of the caller what start() does with its own.
    void fail(Relation table, ChangeKind kind, const UserError& error);

  private:
    void start_or_raise(Change change, StartRequest& request);
    // Whether a run is to start. What the expressions give is put into the request.
    bool evaluate(StartRequest& request) const;
    std::optional<json::Value> evaluate(const char* option, const FlowExpression& expression, const json::Value& change,
                                        Budget& budget) const;
    [[noreturn]] void refuse(const char* option, const std::string& what, const std::string& detail) const;
    StartRequest new_request(Relation table) const;
    void record(ChangeKind kind, bool is_statement, StartRequest& request, const UserError& error);

    std::string trigger_;
    Oid trigger_oid_;
    TriggerOptions options_;
    RowJson rows_;
    ChangeText text_;
    StartPattern pattern_;
    Oid pattern_of_ = InvalidOid;  // the role for which the pattern holds
};

// The plan is made at the first call that a statement makes of a trigger, and goes with the statement.
TriggerPlan& plan_of(FunctionCallInfo call, const TriggerData& data);

}  // namespace flowctl::pg
