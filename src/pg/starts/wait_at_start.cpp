// Keys and priorities of runs that are being started. See wait_at_start.hpp.
#include "pg/starts/wait_at_start.hpp"

#include "core/gates/names.hpp"
#include "core/json.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxKeyBytes = 1024;

// The values of a run's options.
class OptionReader {
  public:
    OptionReader(const store::FlowRow& flow, StartInput& input) : flow_(flow), input_(input) {}

    json::Value value(const char* option, const FlowExpression& expression) {
        auto result = input_.evaluate(expression);
        if (!result) refuse(option, "cannot be evaluated over this input", result.error());
        if (!*result) refuse(option, "finds nothing in this input", "");
        return **std::move(result);
    }
    std::optional<std::string> key(const char* option, const std::optional<FlowExpression>& expression) {
        if (!expression) return std::nullopt;
        const auto text = scalar_text(value(option, *expression));
        if (!text) refuse(option, "gives no text, number or truth value for this input", "");
        if (text->size() > kMaxKeyBytes)
            refuse(option, "gives a key of more than " + std::to_string(kMaxKeyBytes) + " bytes", "");
        return text;
    }
    int priority(const FlowOptions::Limits& limits) {
        if (!limits.priority_of) return limits.priority;
        const json::Value found = value("priority", *limits.priority_of);
        const auto number = found.is_number() ? found.as_integer() : std::nullopt;
        if (!number || *number < -100 || *number > 100)
            refuse("priority", "gives no whole number from -100 to 100 for this input", "");
        return static_cast<int>(*number);
    }

  private:
    [[noreturn]] void refuse(const char* option, const std::string& what, const std::string& detail) {
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                        "option " + in_quotes(option) + " of flow " + in_quotes(flow_.name) + " " + what,
                        "Start the flow with an input that has the value, or change the option with "
                        "flowctl.alter_flow().",
                        detail);
    }
    const store::FlowRow& flow_;
    StartInput& input_;
};

}  // namespace

std::optional<store::WaitRow> wait_at_start(const store::FlowRow& flow, const store::NewRun& run,
                                            StartInput& input) {
    auto wait = wait_at_redrive(flow, run.run_id, run.started_at, input);
    const FlowOptions::Limits& limits = flow.options->limits;
    if (!wait || !limits.debounce) return wait;
    wait->debounce = true;
    wait->line =
        gates::debounce_line(flow.flow_id, OptionReader(flow, input).key("debounce_key", limits.debounce_key));
    wait->due_at.reset();
    return wait;
}

std::optional<store::WaitRow> wait_at_redrive(const store::FlowRow& flow, const Uuid& run, std::int64_t now,
                                              StartInput& input) {
    const FlowOptions::Limits& limits = flow.options->limits;
    if (!limits.any() && !flow.paused) return std::nullopt;
    OptionReader options(flow, input);
    store::WaitRow wait;
    wait.run_id = run;
    wait.flow_id = flow.flow_id;
    wait.flow_owner = flow.owner;
    wait.since = now;
    wait.concurrency_key = options.key("concurrency_key", limits.concurrency_key);
    wait.rate_key = options.key("rate_key", limits.rate_key);
    wait.priority = options.priority(limits);
    wait.line = gates::line_of(flow.flow_id, wait.concurrency_key, wait.rate_key);
    if (limits.queue_timeout) wait.due_at = now + *limits.queue_timeout;
    return wait;
}

}  // namespace flowctl::pg
