// See sql_runs.hpp.
//
// Every case gets a flow, and Lambda functions of its own whose names tell the stub which handler they have;
// the recorded text is changed alike, so that the comparison stays what it was. Our identifiers in what comes
// out are written as the recordings write AWS's.
#include "sql_runs.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <thread>

namespace conformance {

using namespace flowctl;
using json::Value;

namespace {

constexpr int kPatienceSeconds = 240;
constexpr const char* kFunctionArn = "arn:aws:lambda:us-east-1:111111111111:function:";

struct Run {
    std::string name;  // of the case
    std::string flow;
    std::string id;
    Value test_case;
    std::string problem;
    bool not_yet = false;
};

void replace_all(std::string& text, const std::string& what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

std::string quoted(std::string text) {
    replace_all(text, "'", "''");
    return "'" + text + "'";
}

// Endpoints for the Lambda API as a whole, signed as AWS wants it.
bool make_lambda_api(Connection& connection, const std::string& lambda) {
    return connection
        .ask("CREATE SERVER lambda_api FOREIGN DATA WRAPPER flowctl_http OPTIONS (url " + quoted(lambda) +
             ", auth 'aws_sigv4', aws_region 'us-east-1', aws_service 'lambda', aws_access_key_id "
             "'AKIDEXAMPLE', "
             "aws_secret_key_file 'aws-secret', arn 'arn:aws:states:::lambda:invoke')")
        .ok();
}

// The case with functions of its own, which become endpoints.
Value with_functions(Connection& connection, const Value& test_case, const std::string& flow,
                     const std::string& lambda) {
    const Value* functions = test_case.find("lambdas");
    if (functions == nullptr || !functions->is_object()) return test_case;
    std::string text = json::dump(test_case);
    const bool by_invoke = text.find("states:::lambda:invoke") != std::string::npos;
    std::vector<std::pair<std::string, std::string>> names;
    for (const json::Member& member : functions->members())
        names.emplace_back(member.key, member.value.is_string() ? member.value.as_string() : "");
    std::sort(names.begin(), names.end(),
              [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string function = "fn-" + names[i].second + "-" + flow + "-" + std::to_string(i);
        replace_all(text, names[i].first, function);
        if (by_invoke) continue;
        connection.need("CREATE SERVER \"" + function + "\" FOREIGN DATA WRAPPER flowctl_http OPTIONS (url " +
                        quoted(lambda + "/run/" + names[i].second) + ", auth 'none', arn " +
                        quoted(kFunctionArn + function) + ")");
    }
    return json::parse(text, {.max_bytes = 64 << 20, .storable = false}).value();
}

void begin(Connection& connection, Run& run) {
    const Value& definition = *run.test_case.find("definition");
    const std::string text =
        definition.is_string() ? std::string(definition.as_string()) : json::dump(definition);
    const std::string type = text_of(run.test_case, "sm_type");
    const Answer defined = connection.ask("SELECT flowctl.define_flow($1, $2::json, $3)",
                                          {run.flow, text, type.empty() ? "STANDARD" : type});
    if (!defined.ok()) {
        run.problem = "refused: " + defined.message;
        return;
    }
    const Value* input = run.test_case.find("input");
    const Answer started = connection.ask("SELECT flowctl.start($1, $2::jsonb)",
                                          {run.flow, input != nullptr ? json::dump(*input) : "{}"});
    if (!started.ok()) {
        run.problem = "not started: " + started.message;
        return;
    }
    run.id = *started.rows[0][0];
}

void wait_for_all(Connection& connection) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kPatienceSeconds);
    while (std::chrono::steady_clock::now() < end) {
        const Answer open = connection.need("SELECT count(*) FROM flowctl.runs WHERE status = 'RUNNING'");
        if (open.rows[0][0] == "0") return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

std::string details_key(std::string_view type) {
    for (const std::string_view ending : {"StateEntered", "StateExited"}) {
        if (type.size() > ending.size() && type.ends_with(ending))
            return ending == "StateEntered" ? "stateEnteredEventDetails" : "stateExitedEventDetails";
    }
    std::string key(type);
    key[0] = static_cast<char>(key[0] | 0x20);
    return key + "EventDetails";
}

// Identifiers of ours, as the recordings have AWS's.
class Identifiers {
  public:
    Identifiers(Connection& connection, const Run& run)
        : express_(text_of(run.test_case, "sm_type") == "EXPRESS") {
        const Answer names = connection.need("SELECT current_database(), current_user");
        const std::string& database = *names.rows[0][0];
        const std::string arn = "arn:flowctl:states:local:" + database + ":";
        const std::string machine = "arn:aws:states:us-east-1:111111111111:";
        const std::string id =
            express_ ? "express:<ArnPart_0idx>:<SyncExecArn_Part1_0idx>:<SyncExecArn_Part2_0idx>"
                     : "execution:<ArnPart_0idx>:<ExecArnPart_0idx>";
        ours_ = {
            {arn + "execution:" + run.flow + ":" + run.id, machine + id},
            {arn + "express:" + run.flow + ":" + run.id + ":" + run.id, machine + id},
            {arn + "stateMachine:" + run.flow, machine + "stateMachine:<ArnPart_0idx>"},
            {arn + "mapRun:" + run.flow, machine + "mapRun:<ArnPart_0idx>"},
            {"arn:flowctl:iam::" + database + ":role/" + *names.rows[0][1],
             express_ ? "sfn_role_arn" : "snf_role_arn"},
            {"\"" + run.flow + "\"", "\"<ArnPart_0idx>\""},
            {"\"" + run.id + "\"", express_ ? "\"<SyncExecArn_Part1_0idx>\"" : "\"<ExecArnPart_0idx>\""}};
    }
    Value in(const std::string& text) const {
        std::string shown = text;
        for (const auto& [what, with] : ours_)
            replace_all(shown, what, with);
        return json::parse(shown, {.max_bytes = 64 << 20, .storable = false}).value();
    }

  private:
    bool express_;
    std::vector<std::pair<std::string, std::string>> ours_;
};

void finish(Connection& connection, Run& run, bool show) {
    const Answer row = connection.need(
        "SELECT status, output, error, cause FROM flowctl.runs WHERE run_id = $1::uuid", {run.id});
    const std::vector<Text>& cells = row.rows.at(0);
    const Identifiers identifiers(connection, run);
    Ended ended;
    ended.status = *cells[0];
    if (cells[1]) ended.output = identifiers.in(*cells[1]);
    ended.error = cells[2];
    ended.cause = cells[3];
    const Answer history = connection.need(
        "SELECT event_id, previous_event_id, type, details FROM flowctl.history WHERE run_id = $1::uuid "
        "ORDER BY "
        "event_id",
        {run.id});
    for (const std::vector<Text>& event : history.rows) {
        json::ObjectBuilder shown;
        shown.add("id", json::Value::number_text(*event[0]));
        shown.add("previousEventId", json::Value::number_text(*event[1]));
        shown.add("type", *event[2]);
        if (event[3]) shown.add(details_key(*event[2]), identifiers.in(*event[3]));
        ended.events.push_back(shown.build());
        if (show) std::printf("    %s\n", json::dump(ended.events.back()).c_str());
    }
    run.problem = check(run.test_case, ended);
}

}  // namespace

bool is_refused_by_version(const std::string& problem) {
    return problem.find("This version ") != std::string::npos ||
           problem.find("this version ") != std::string::npos;
}

Count run_executions(Connection& connection, const std::string& path, const std::string& lambda,
                     const std::string& filter) {
    const bool has_lambda_api = make_lambda_api(connection, lambda);
    std::vector<Run> runs;
    std::size_t number = 0;
    for (const Value& test_case : read_cases(path)) {
        ++number;
        Run run;
        run.name = text_of(test_case, "name");
        if (!filter.empty() && run.name.find(filter) == std::string::npos) continue;
        const std::string file = path.substr(path.rfind('/') + 1);
        run.flow = file.substr(0, file.find('.')) + "-" + std::to_string(number);
        run.test_case = with_functions(connection, test_case, run.flow, lambda);
        const std::string text = json::dump(*run.test_case.find("definition"));
        run.not_yet = !has_lambda_api && text.find("states:::lambda:invoke") != std::string::npos;
        runs.push_back(std::move(run));
    }
    for (Run& run : runs) {
        if (!run.not_yet) begin(connection, run);
    }
    wait_for_all(connection);
    Count total;
    for (Run& run : runs) {
        if (!run.not_yet && run.problem.empty()) finish(connection, run, !filter.empty());
        run.not_yet = run.not_yet || is_refused_by_version(run.problem);
        ++(run.not_yet ? total.not_yet : run.problem.empty() ? total.passed : total.failed);
        if (!run.problem.empty() && !run.not_yet)
            std::printf("FAILED  %s\n    %s\n", run.name.c_str(), run.problem.c_str());
    }
    connection.ask("DROP SERVER lambda_api");
    return total;
}

}  // namespace conformance
