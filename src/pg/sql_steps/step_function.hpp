// The function that a SQL step calls: finding it by its name, what keeps it from being called, and the statement
// that calls it.
//
// A function with one parameter of type jsonb or json gets the whole input. Any other function gets the members of
// the input as arguments, by name, converted as jsonb_to_record() converts them. Of several functions with one name
// the one is called whose parameters fit the members.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg {

struct FunctionName {
    std::string schema, name;
};
// "schema.function", written as SQL writes names; nullopt: it is none.
std::optional<FunctionName> function_name(const std::string& text);

struct StepFunction {
    enum class Result { Json, Void, Scalar, Row, Scalars, Rows };
    struct Parameter {
        std::string name;
        std::string type;  // as SQL writes it
        bool has_default = false;
        bool is_variadic = false;
    };
    Oid oid = InvalidOid;
    Oid schema = InvalidOid;
    std::string sql_schema, sql_name;  // quoted; the name has the schema
    std::string signature;  // for messages
    Result result = Result::Scalar;
    bool takes_whole_input = false;
    std::vector<Parameter> parameters;
    std::string unusable;  // why it cannot be called; empty: it can
};
// Those of this name, also those that cannot be called. The caller is AsExtensionOwner or a superuser.
std::vector<StepFunction> find_functions(Spi& spi, const FunctionName& name);

// Why a step cannot call its function: an error as SQL would raise it.
struct StepProblem {
    int sqlstate = 0;
    std::string message;
    std::string hint = {};
};
using MemberNames = std::set<std::string, std::less<>>;
// The function that these members fit. `members` is null where nothing is known of the input: then it is the one
// function that can be called, or null where there are several. `role` must be allowed to call it; nullopt: it is
// not known yet.
struct ChosenFunction {
    const StepFunction* function = nullptr;
    std::optional<StepProblem> problem;
};
ChosenFunction choose_function(const std::vector<StepFunction>& functions, const std::string& name,
                               const MemberNames* members, std::optional<Oid> role);

// The statement that calls the function with these members of its input, which is its parameter $1, a text. It gives
// the result as JSON text in one row.
std::string call_statement(const StepFunction& function, const MemberNames& members);

}  // namespace flowctl::pg
