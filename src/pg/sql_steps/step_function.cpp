// Finding and calling the functions of SQL steps. See step_function.hpp.
#include "pg/sql_steps/step_function.hpp"

#include <algorithm>
#include <cstring>

#include "pg/server/quoting.hpp"

namespace flowctl::pg {

std::optional<FunctionName> function_name(const std::string& text) {
    struct Names {
        const char* schema;
        const char* name;
    };
    const char* const raw = text.c_str();
    const Names names = guarded([&]() -> Names {
        List* parts = NIL;
        if (!SplitIdentifierString(pstrdup(raw), '.', &parts) || list_length(parts) != 2) return {nullptr, nullptr};
        return {static_cast<const char*>(linitial(parts)), static_cast<const char*>(lsecond(parts))};
    });
    if (names.schema == nullptr) return std::nullopt;
    return FunctionName{names.schema, names.name};
}

// ---------------------------------------------------------------------------------------------- finding

// A row for each parameter and output column; one with nulls where there are none.
static Statement find_functions_sql(R"(
    SELECT p.oid, n.oid, pg_catalog.quote_ident(n.nspname),
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname),
           p.oid::regprocedure::text, p.prokind::text, p.proretset, p.prorettype, r.typtype::text,
           p.pronargs::int - p.pronargdefaults::int,
           a.name, a.type, pg_catalog.format_type(a.type, NULL), t.typtype::text, a.mode
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_type r ON r.oid = p.prorettype
    LEFT JOIN LATERAL (
        SELECT u.i, u.type, coalesce(p.proargnames[u.i], '') AS name, coalesce(p.proargmodes[u.i]::text, 'i') AS mode
        FROM pg_catalog.unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS u(type, i)) a ON true
    LEFT JOIN pg_catalog.pg_type t ON t.oid = a.type
    WHERE n.nspname = $1 AND p.proname = $2
    ORDER BY p.oid, a.i)",
                                    {TEXTOID, TEXTOID});

namespace {

std::string unusable_kind(const std::string& kind) {
    if (kind == "p") return "is a procedure";
    if (kind == "a") return "is an aggregate function";
    if (kind == "w") return "is a window function";
    return "";
}

// What is wrong with the type of a result or parameter.
bool is_pseudo(const std::string& typtype, Oid type) {
    return typtype == "p" && type != VOIDOID;
}

struct Outputs {
    int columns = 0;  // OUT, INOUT and TABLE
    bool is_table = false;
};

void read_result(StepFunction& function, Oid type, const std::string& typtype, bool is_set, const Outputs& outputs) {
    using Result = StepFunction::Result;
    const bool is_row = (type == RECORDOID && outputs.columns > 0) || typtype == "c" || outputs.is_table;
    if (type == TRIGGEROID || type == EVENT_TRIGGEROID)
        function.unusable = "is a trigger function";
    else if (type == RECORDOID && outputs.columns == 0)
        function.unusable = "returns record, and its columns are not known";
    else if (type != RECORDOID && is_pseudo(typtype, type))
        function.unusable = "returns a pseudo-type";
    else if (is_set)
        function.result = is_row ? Result::Rows : Result::Scalars;
    else if (type == VOIDOID)
        function.result = Result::Void;
    else if (type == JSONOID || type == JSONBOID)
        function.result = Result::Json;
    else
        function.result = type == RECORDOID ? Result::Row : Result::Scalar;
}

void check_parameters(StepFunction& function, const std::vector<Oid>& types, const std::vector<std::string>& typtypes) {
    if (types.size() == 1 && (types[0] == JSONOID || types[0] == JSONBOID) && !function.parameters[0].is_variadic) {
        function.takes_whole_input = true;
        return;
    }
    for (std::size_t i = 0; i < types.size() && function.unusable.empty(); i++) {
        if (is_pseudo(typtypes[i], types[i]) || types[i] == VOIDOID)
            function.unusable = "has a parameter of the pseudo-type " + function.parameters[i].type;
        else if (function.parameters[i].name.empty())
            function.unusable = "has a parameter without a name";
    }
}

}  // namespace

std::vector<StepFunction> find_functions(Spi& spi, const FunctionName& name) {
    const Rows rows = spi.run(find_functions_sql, std::move(Params().text(name.schema).text(name.name)));
    std::vector<StepFunction> functions;
    for (std::size_t i = 0; i < rows.size();) {
        StepFunction& function = functions.emplace_back();
        function.oid = rows.oid(i, 0);
        function.schema = rows.oid(i, 1);
        function.sql_schema = rows.text(i, 2);
        function.sql_name = rows.text(i, 3);
        function.signature = rows.text(i, 4);
        function.unusable = unusable_kind(rows.text(i, 5));
        const std::size_t first = i;
        const int required = rows.int4(i, 9);
        Outputs outputs;
        std::vector<Oid> types;
        std::vector<std::string> typtypes;
        for (; i < rows.size() && rows.oid(i, 0) == function.oid; i++) {
            if (rows.is_null(i, 11)) continue;
            const std::string mode = rows.text(i, 14);
            if (mode == "o" || mode == "b" || mode == "t") outputs.columns++;
            outputs.is_table = outputs.is_table || mode == "t";
            if (mode == "o" || mode == "t") continue;
            function.parameters.push_back(
                {rows.text(i, 10), rows.text(i, 12), static_cast<int>(types.size()) >= required, mode == "v"});
            types.push_back(rows.oid(i, 11));
            typtypes.push_back(rows.text(i, 13));
        }
        if (!function.unusable.empty()) continue;
        read_result(function, rows.oid(first, 7), rows.text(first, 8), rows.boolean(first, 6), outputs);
        if (function.unusable.empty()) check_parameters(function, types, typtypes);
    }
    return functions;
}

// ---------------------------------------------------------------------------------------------- choosing

namespace {

// Why these members are not the function's arguments; nullopt: they are.
std::optional<StepProblem> objection_to_members(const StepFunction& function, const MemberNames& members) {
    if (function.takes_whole_input) return std::nullopt;
    for (const std::string& member : members)
        if (std::none_of(function.parameters.begin(), function.parameters.end(),
                         [&](const StepFunction::Parameter& one) { return one.name == member; }))
            return StepProblem{ERRCODE_UNDEFINED_FUNCTION,
                               "function " + function.signature + " has no parameter " + in_quotes(shortened_name(member)),
                               "The members of the input are the arguments. Choose them in Parameters or Arguments."};
    for (const StepFunction::Parameter& one : function.parameters)
        if (!one.has_default && !members.contains(one.name))
            return StepProblem{ERRCODE_UNDEFINED_FUNCTION,
                               "the input has no member " + in_quotes(one.name) + ", which function " +
                                   function.signature + " needs",
                               "The members of the input are the arguments. Choose them in Parameters or Arguments."};
    return std::nullopt;
}

std::optional<StepProblem> objection_to_role(const StepFunction& function, const std::string& name, Oid role) {
    const bool schema = guarded([&] { return schema_aclcheck(function.schema, role) == ACLCHECK_OK; });
    if (schema && guarded([&] { return function_aclcheck(function.oid, role) == ACLCHECK_OK; })) return std::nullopt;
    const std::string who = role_name(role);
    return StepProblem{ERRCODE_INSUFFICIENT_PRIVILEGE, "role " + in_quotes(who) + " may not execute function " + name,
                       schema ? "GRANT EXECUTE ON FUNCTION " + function.signature + " TO " + identifier(who) + ";"
                              : "GRANT USAGE ON SCHEMA " + function.sql_schema + " TO " + identifier(who) + ";"};
}

}  // namespace

ChosenFunction choose_function(const std::vector<StepFunction>& functions, const std::string& name,
                               const MemberNames* members, std::optional<Oid> role) {
    if (functions.empty())
        return {nullptr, StepProblem{ERRCODE_UNDEFINED_FUNCTION, "function " + shortened_name(name) + " does not exist",
                                     "A step names its function with the schema: flowctl:sql:schema.function."}};
    std::vector<const StepFunction*> fitting;
    std::optional<StepProblem> problem;
    for (const StepFunction& function : functions) {
        std::optional<StepProblem> found;
        if (!function.unusable.empty())
            found = StepProblem{ERRCODE_WRONG_OBJECT_TYPE,
                                "function " + function.signature + " cannot be a step: it " + function.unusable,
                                "A step calls an ordinary function whose parameters have names, or which has one parameter "
                                "of type jsonb or json."};
        else if (members != nullptr)
            found = objection_to_members(function, *members);
        if (!found)
            fitting.push_back(&function);
        else if (!problem)
            problem = std::move(found);
    }
    if (fitting.empty()) return {nullptr, std::move(problem)};
    // One that takes everything fits everything, so the others come first.
    if (fitting.size() > 1) std::erase_if(fitting, [](const StepFunction* one) { return one->takes_whole_input; });
    if (fitting.size() != 1) {
        if (members == nullptr) return {};
        return {nullptr, StepProblem{ERRCODE_AMBIGUOUS_FUNCTION,
                                     "several functions " + shortened_name(name) + " fit the members of the input",
                                     "Give the function another name."}};
    }
    if (role)
        if (auto denied = objection_to_role(*fitting[0], shortened_name(name), *role)) return {nullptr, std::move(denied)};
    return {fitting[0], std::nullopt};
}

// ---------------------------------------------------------------------------------------------- calling

namespace {

struct CallText {
    std::string input;  // an item of FROM that gives the arguments; empty: there is none
    std::string call;
};

CallText text_of_call(const StepFunction& function, const MemberNames& members) {
    if (function.takes_whole_input) return {"", function.sql_name + "($1::" + function.parameters[0].type + ")"};
    std::string columns, arguments;
    for (const StepFunction::Parameter& one : function.parameters) {
        if (!members.contains(one.name)) continue;
        const std::string column = identifier(one.name);
        columns += (columns.empty() ? "" : ", ") + column + " " + one.type;
        arguments += arguments.empty() ? "" : ", ";
        arguments += (one.is_variadic ? "VARIADIC " : "") + column + " => flowctl_input." + column;
    }
    std::string input;
    if (!columns.empty()) input = "pg_catalog.jsonb_to_record($1::pg_catalog.jsonb) AS flowctl_input(" + columns + ")";
    return {std::move(input), function.sql_name + "(" + arguments + ")"};
}

}  // namespace

std::string call_statement(const StepFunction& function, const MemberNames& members) {
    using Result = StepFunction::Result;
    const auto [input, call] = text_of_call(function, members);
    const std::string from = input.empty() ? "" : " FROM " + input;
    const std::string from_with = input.empty() ? " FROM " : " FROM " + input + ", LATERAL ";
    constexpr const char* kArray = "SELECT coalesce(pg_catalog.json_agg(";
    switch (function.result) {
        case Result::Json:
            return "SELECT " + call + "::pg_catalog.text" + from;
        case Result::Void:
            return "SELECT " + call + from;
        case Result::Scalar:
            return "SELECT pg_catalog.to_jsonb(" + call + ")::pg_catalog.text" + from;
        case Result::Row:
            return "SELECT pg_catalog.to_jsonb(flowctl_row)::pg_catalog.text" + from_with + call + " AS flowctl_row";
        case Result::Scalars:
            return kArray + std::string("flowctl_row.value), '[]')::pg_catalog.text") + from_with + call +
                   " AS flowctl_row(value)";
        case Result::Rows:
            break;
    }
    return kArray + std::string("flowctl_row), '[]')::pg_catalog.text") + from_with + "(SELECT flowctl_one.* FROM " +
           call + " AS flowctl_one) AS flowctl_row";
}

}  // namespace flowctl::pg
