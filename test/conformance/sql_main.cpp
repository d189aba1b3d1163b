// The conformance runner through the SQL surface: a server with the extension does what the recordings say.
//
//   sql_conformance <directory with the recorded cases> <address of test/services/lambda.mjs>  [part of a
//   name]
//
// Connects where the environment says (PGHOST and so on), to a database of its own that has the extension.
// Prints a table for each file and every case that failed; exits with 1 when one did.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include "cases.hpp"
#include "jsonata_cases.hpp"
#include "match.hpp"
#include "sql_connection.hpp"
#include "sql_runs.hpp"

using namespace flowctl;
using namespace conformance;
using json::Value;

namespace {

// Definitions: what validate() finds decides; define_flow must not accept what it finds invalid, nor refuse
// the rest for anything but what the catalog lacks.
std::string check_definition(Connection& connection, const Value& test_case, std::size_t number) {
    const std::string text = text_of(test_case, "definition");
    const bool valid = test_case.find("valid")->as_bool();
    const std::string type = text_of(test_case, "sm_type");
    const Answer findings =
        connection.ask("SELECT severity, code, location, message FROM flowctl.validate($1::json)", {text});
    std::string said = findings.message;
    bool found = !findings.ok();  // what is no JSON is no argument either
    for (const std::vector<Text>& row : findings.rows) {
        if (row[0] != "ERROR") continue;
        found = true;
        said += *row[1] + " " + row[2].value_or("") + ": " + *row[3] + "; ";
    }
    const Answer defined =
        connection.ask("SELECT flowctl.define_flow($1, $2::json, $3)",
                       {"definition-" + std::to_string(number), text, type.empty() ? "STANDARD" : type});
    // EXPRESS and other relations are known to define_flow alone.
    const bool refused = defined.sqlstate == "22023" || defined.sqlstate.starts_with("22P0");
    if (found && !refused)
        return "validate() finds errors, define_flow() does not: " + said + defined.message;
    if (refused != !valid) return (valid ? "refused: " : "accepted") + (valid ? said + defined.message : "");
    return "";
}

Count run_definitions(Connection& connection, const std::string& path, const std::string& filter,
                      bool binding) {
    Count count;
    std::size_t number = 0;
    for (const Value& test_case : read_cases(path)) {
        const std::string name = text_of(test_case, "name");
        ++number;
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        const std::string problem = check_definition(connection, test_case, number);
        const bool not_yet = is_refused_by_version(problem);
        ++(problem.empty() ? count.passed : not_yet ? count.not_yet : count.failed);
        if (!problem.empty() && !not_yet)
            std::printf("%s  %s\n    %s\n", binding ? "FAILED" : "differs", name.c_str(),
                        problem.substr(0, 600).c_str());
    }
    return count;
}

std::string check_jsonata(Connection& connection, const Value& test_case) {
    const Value& expected = *test_case.find("expected");
    const Value* data = test_case.find("data");
    const Value* bindings = test_case.find("bindings");
    const bool has_bindings = bindings != nullptr && bindings->is_object();
    const Answer answer =
        connection.ask("SELECT flowctl.eval_jsonata($1, $2::json, $3::json)",
                       {text_of(test_case, "expr"), data != nullptr ? Text(json::dump(*data)) : Text(),
                        has_bindings ? json::dump(*bindings) : "{}"});
    const Value* error = expected.find("error");
    if (!answer.ok()) {
        const std::string code = error != nullptr ? text_of(*error, "code") : "";
        if (error != nullptr && answer.message.substr(0, answer.message.find(':')) == code) return "";
        return answer.sqlstate + " " + answer.message + (code.empty() ? "" : ", not " + code);
    }
    const Text& given = answer.rows.at(0).at(0);
    if (error != nullptr)
        return "no error " + text_of(*error, "code") + " but " + given.value_or("undefined");
    const Value* value = expected.find("result");
    if (value == nullptr) return given ? "not undefined but " + *given : "";
    if (!given) return "undefined";
    const Value* unordered = test_case.find("unordered");
    const bool any_order = unordered != nullptr && unordered->is_bool() && unordered->as_bool();
    if (same_result(*value, json::parse(*given, {.storable = false}).value(), any_order)) return "";
    return "\n      expected " + json::dump(*value).substr(0, 600) + "\n      actual   " +
           given->substr(0, 600);
}

Count run_jsonata(Connection& connection, const std::string& path, const std::string& filter) {
    Count count;
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        const auto parsed =
            json::parse(with_escaped_surrogates(line), {.max_bytes = 64 << 20, .storable = false});
        const std::string name = text_of(parsed.value(), "name");
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        const std::string problem = check_jsonata(connection, parsed.value());
        ++(problem.empty() ? count.passed : count.failed);
        if (!problem.empty())
            std::printf("FAILED  %s  %s\n    %s\n", name.c_str(),
                        text_of(parsed.value(), "expr").substr(0, 300).c_str(),
                        problem.substr(0, 1000).c_str());
    }
    return count;
}

// The parameters of a TestState call that the API takes as JSON text.
Text text_parameter(const Value& params, std::string_view key) {
    const Value* value = params.find(key);
    return value != nullptr ? Text(value->as_string()) : Text();
}
Text json_parameter(const Value& params, std::string_view key) {
    const Value* value = params.find(key);
    return value != nullptr ? Text(json::dump(*value)) : Text();
}

// Recorded with a real function, before there were mocks: its answer becomes the mock. A function's own ARN
// gives "HelloWorld!"; what lambda:invoke says around an answer is only in the recording.
Text mock_of(const Value& test_case) {
    const Value& params = *test_case.find("params");
    if (text_of(test_case, "class") != "lambda" || params.find("mock") != nullptr)
        return json_parameter(params, "mock");
    const bool service = text_of(params, "definition").find("states:::lambda:invoke") != std::string::npos;
    const Value result =
        service ? *test_case.find("expected")->find("output") : Value::string("\"HelloWorld!\"");
    return json::dump(json::ObjectBuilder().add("result", result).build());
}

// The default Context Object names what is here.
std::string with_identifiers_of_aws(Connection& connection, std::string text) {
    static const std::string kDatabase = *connection.need("SELECT current_database()").rows[0][0];
    for (const auto& [ours, theirs] :
         {std::pair<std::string, std::string>{"states:local:" + kDatabase, "states:us-east-1:111111111111"},
          {"iam::" + kDatabase, "iam::111111111111"}}) {
        const std::string what = "arn:flowctl:" + ours + ":";
        for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
            text.replace(at, what.size(), "arn:aws:" + theirs + ":");
    }
    return text;
}

std::string check_teststate(Connection& connection, const Value& test_case) {
    const Value& params = *test_case.find("params");
    const Answer answer = connection.ask(
        "SELECT flowctl.test_state($1::json, $2::jsonb, $3, coalesce($4::jsonb, '{}'), $5::jsonb, $6::jsonb, "
        "coalesce($7, 'INFO'), "
        "CASE WHEN $9::jsonb IS NULL THEN $8::jsonb ELSE coalesce($8::jsonb, '{}') || "
        "jsonb_build_object('revealSecrets', "
        "$9::jsonb) END)",
        {text_parameter(params, "definition"), text_parameter(params, "input"),
         text_parameter(params, "stateName"), text_parameter(params, "variables"),
         text_parameter(params, "context"), mock_of(test_case), text_parameter(params, "inspectionLevel"),
         json_parameter(params, "stateConfiguration"), json_parameter(params, "revealSecrets")});
    const Value* error = test_case.find("error");
    if (!answer.ok()) {
        if (error == nullptr) return "refused: " + answer.message;
        const std::string wanted = text_of(*error, "message");
        if (answer.message.substr(0, wanted.size()) == wanted &&
            answer.message.find("the error " + text_of(*error, "code") + ".") != std::string::npos) {
            return "";
        }
        return "expected " + text_of(*error, "code") + ": " + wanted + "\n    actual   " + answer.message;
    }
    if (error != nullptr) return "accepted, not refused with " + json::dump(*error);
    const Value actual =
        json::parse(with_identifiers_of_aws(connection, *answer.rows.at(0).at(0)), {.storable = false})
            .value();
    Rules rules = Rules::of(test_case);
    rules.instants = rules.placeholders;
    const Value& expected = *test_case.find("expected");
    if (matches(expected, actual, rules)) return "";
    return "expected " + json::dump(expected).substr(0, 1500) + "\n    actual   " +
           json::dump(actual).substr(0, 1500);
}

// A mock is checked against the schema of an SDK integration on AWS; those schemas are not known here.
bool checks_sdk_schema(const Value& test_case) {
    const Value* error = test_case.find("error");
    return error != nullptr &&
           text_of(*error, "message").starts_with("Mock result schema validation error") &&
           text_of(*test_case.find("params"), "definition").find(":::aws-sdk:") != std::string::npos;
}

Count run_teststate(Connection& connection, const std::string& path, const std::string& filter) {
    Count count;
    int schemas = 0;
    const Answer there = connection.need("SELECT count(*) FROM pg_proc WHERE proname = 'test_state'");
    for (const Value& test_case : read_cases(path)) {
        const std::string name = text_of(test_case, "name");
        if (!filter.empty() && name.find(filter) == std::string::npos) continue;
        if (there.rows[0][0] == "0") {
            ++count.not_yet;
            continue;
        }
        const std::string problem = check_teststate(connection, test_case);
        if (!problem.empty() && checks_sdk_schema(test_case)) {
            ++schemas;
            continue;
        }
        ++(problem.empty() ? count.passed : count.failed);
        if (!problem.empty()) std::printf("FAILED  %s\n    %s\n", name.c_str(), problem.c_str());
    }
    if (schemas > 0)
        std::printf("%s: %d cases are about the schema of an AWS service\n", path.c_str(), schemas);
    return count;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s <directory> <address of the Lambda stub> [part of a name]\n",
                     argv[0]);
        return 2;
    }
    const std::string directory = argv[1];
    const std::string filter = argc > 3 ? argv[3] : "";
    Connection connection;
    connection.need("CREATE EXTENSION IF NOT EXISTS pg_flowctl");
    connection.need("SET statement_timeout = '60s'");
    int failed = 0;
    const auto report = [&](const char* file, const Count& count) {
        print((directory + "/" + file).c_str(), {{"total", count}});
        failed += count.failed;
    };
    report("asl.jsonl", run_executions(connection, directory + "/asl.jsonl", argv[2], filter));
    report("lambda.jsonl", run_executions(connection, directory + "/lambda.jsonl", argv[2], filter));
    report("definitions.jsonl", run_definitions(connection, directory + "/definitions.jsonl", filter, true));
    report("teststate.jsonl", run_teststate(connection, directory + "/teststate.jsonl", filter));
    report("jsonata.jsonl", run_jsonata(connection, directory + "/jsonata.jsonl", filter));
    // Written by several people who disagree with AWS and each other: shown, not required.
    const Count others = run_definitions(connection, directory + "/validator.jsonl", filter, false);
    print((directory + "/validator.jsonl").c_str(), {{"shown", others}});
    std::printf("conformance through SQL: %d failed\n", failed);
    return failed == 0 ? 0 : 1;
}
