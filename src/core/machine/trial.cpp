// try_state(): see trial.hpp. A part of Runner, so that whatever a visit does is done by the code that runs
// flows; what is here only takes the place of those who would answer.
#include "core/machine/trial.hpp"

#include <algorithm>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

constexpr std::int64_t kMostTriedAttempts = 1'000'000'000;
constexpr std::string_view kThresholdExceeded = "States.ExceedToleratedFailureThreshold";

// What the items of one Map may take together.
constexpr std::uint64_t kMostSteps = 50'000'000;
constexpr std::size_t kMostBytes = 256 * 1024 * 1024;

// Whether so many failed items are more than the Map says that it tolerates. One that says nothing leaves it
// to the result that was given.
bool exceeds_tolerance(const asl::MapFields& map, const Observed& observed, std::int64_t failed,
                       std::size_t items) {
    const json::Value* count = observed.of(&map.tolerated_failure_count);
    if (count != nullptr && static_cast<double>(failed) > count->as_double()) return true;
    const json::Value* percentage = observed.of(&map.tolerated_failure_percentage);
    if (percentage == nullptr || items == 0) return false;
    return static_cast<double>(failed) * 100.0 > percentage->as_double() * static_cast<double>(items);
}

}  // namespace

void Runner::try_state(const Trial& trial, Tried& tried) {
    frame_.started = true;
    frame_.index.flow = &flow_;
    BranchFrame& top = frame_.top;
    top.block = trial.block;
    top.definition = trial.state;
    top.state = trial.state->name;
    top.input = {trial.input, 0};
    top.variables = trial.variables;
    append(0, "ExecutionStarted", json::Value(), "input", &top.input, now_);
    current_ = &top;
    enter(top);
    top.retries.assign(trial.state->retry.size(), trial.retries_used);
    top.attempt = static_cast<int>(std::min<std::int64_t>(trial.retries_used, kMostTriedAttempts));
    work(top);

    const auto* failed = std::get_if<TaskFailed>(&trial.work);
    if (top.phase == VisitPhase::Calling) {
        if (failed != nullptr) {
            task_failed(top, *failed);
        } else {
            task_succeeded(top, std::get<json::Value>(trial.work));
        }
    } else if (top.phase == VisitPhase::Sleeping) {
        wake(top);
    } else if (top.phase == VisitPhase::Forked) {
        answer_fork(trial, tried);
    }
}

// Gives the Parallel or Map that has just begun its result.
void Runner::answer_fork(const Trial& trial, Tried& tried) {
    BranchFrame& top = frame_.top;
    std::optional<Failure> failure;
    if (const auto* failed = std::get_if<TaskFailed>(&trial.work)) {
        failure = Failure{failed->error, std::nullopt};
        if (!failed->cause.empty()) failure->cause = failed->cause;
        failure->of_branch = true;
    }
    if (const auto* map = std::get_if<asl::MapFields>(&trial.state->fields)) {
        if (map->item_selector || map->item_selector_query) {
            for (std::size_t i = 0; i < top.fork->length; ++i) {
                BranchFrame child;
                child.parent = &top;
                child.index = i;
                if (const auto unusable = take_item(top, child)) return fail_fork(top, *unusable);
                tried.item_inputs.push_back(std::move(child.input.value));
                bytes_ += json::dumped_size(tried.item_inputs.back());
                if (steps_ > kMostSteps || bytes_ > kMostBytes)
                    return fail_fork(top, evaluator_of(top).runtime("Its items take too much to evaluate."));
            }
        }
        if (!failure && exceeds_tolerance(*map, tried.observed, trial.failed_items, top.fork->length)) {
            failure = Failure{std::string(kThresholdExceeded),
                              "The specified tolerated failure threshold was exceeded"};
        }
    }
    bury_fork(top);
    if (failure) return fail_state(top, *failure);
    Evaluator evaluator = evaluator_of(top);
    complete(top, evaluator, std::get<json::Value>(trial.work), std::nullopt);
}

Tried try_state(const asl::Flow& flow, const RunContext& run, const Limits& limits, const Trial& trial,
                const Now& now) {
    Tried tried;
    RunContext observed_run = run;
    observed_run.observed = &tried.observed;
    FrameData frame;
    Runner runner(flow, observed_run, limits, frame, now);
    try {
        runner.try_state(trial, tried);
    } catch (const std::exception& exception) {
        runner.crash(exception.what());
    }
    const BranchFrame& top = frame.top;
    const bool left = top.phase == VisitPhase::Entering;
    const bool retrying = top.phase == VisitPhase::Retrying;
    if (retrying) tried.retry_delay = *top.due - now.at;
    if (left) {
        tried.output = top.input.value;
        tried.next = top.state;
    }
    tried.variables = top.variables;
    Step step = runner.finish();
    if (step.outcome.output) tried.output = std::move(step.outcome.output);

    if (retrying) {
        tried.status = Tried::Status::Retriable;
    } else if (!tried.output) {
        tried.status = Tried::Status::Failed;
    } else {
        tried.status = tried.observed.catcher ? Tried::Status::Caught : Tried::Status::Succeeded;
    }
    if (tried.status == Tried::Status::Failed) {
        tried.error = std::move(step.outcome.error);
        tried.cause = std::move(step.outcome.cause);
    } else if (tried.status != Tried::Status::Succeeded && tried.observed.failure) {
        tried.error = tried.observed.failure->error;
        tried.cause = tried.observed.failure->cause;
    }
    return tried;
}

}  // namespace flowctl::machine
