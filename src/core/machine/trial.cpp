// try_state(): see trial.hpp. It is a part of Runner, so that a tested visit is done by the same code as the
// visits of real runs. The functions in here only replace the answers that would come from outside.
#include "core/machine/trial.hpp"

#include <algorithm>

#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

constexpr std::int64_t kMostTriedAttempts = 1'000'000'000;
constexpr std::string_view kThresholdExceededCause = "The specified tolerated failure threshold was exceeded";
constexpr std::string_view kThresholdExceeded = "States.ExceedToleratedFailureThreshold";

// The limit of steps for all items of one Map together.
constexpr std::uint64_t kMostSteps = 50'000'000;
constexpr std::size_t kMostBytes = 256 * 1024 * 1024;

std::optional<TaskFailed> failure_of(const Trial& trial) {
    const auto* failed = std::get_if<TaskFailed>(&trial.work);
    return failed == nullptr ? std::nullopt : std::optional(*failed);
}

// The Map's failure if so many failed items are more than it tolerates. If the Map says nothing of tolerance,
// the given result decides.
std::optional<TaskFailed> intolerable(const asl::MapFields& map, const Observed& observed,
                                      std::int64_t failed_items, std::size_t items) {
    const auto failed = static_cast<double>(failed_items);
    const json::Value* count = observed.of(&map.tolerated_failure_count);
    const json::Value* percentage = observed.of(&map.tolerated_failure_percentage);
    const bool too_many = count != nullptr && failed > count->as_double();
    const bool too_much =
        percentage != nullptr && failed * 100.0 > percentage->as_double() * static_cast<double>(items);
    if (!too_many && !too_much) return std::nullopt;
    TaskFailed exceeded;
    exceeded.error = kThresholdExceeded;
    exceeded.cause = kThresholdExceededCause;
    return exceeded;
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
    } else if (top.phase == VisitPhase::MapRunning) {
        answer_map_run(trial, tried);
    }
}

// Ends the map run that was about to begin.
void Runner::answer_map_run(const Trial& trial, Tried& tried) {
    BranchFrame& top = frame_.top;
    TriedItems items = trial.take_items(std::get<StartMapRun>(step_.effects.back()).plan);
    tried.item_inputs = std::move(items.inputs);
    if (!items.failure) tried.item_count = items.count;
    const auto& map = std::get<asl::MapFields>(trial.state->fields);
    auto failed = items.failure;
    if (!failed) failed = failure_of(trial);
    if (!failed) failed = intolerable(map, tried.observed, trial.failed_items, items.count.value_or(0));
    MapRunEnded ended;
    ended.map_run = *top.map_run;
    if (failed) {
        ended.outcome = MapRunEnded::Outcome::Failed;
        ended.error = failed->error;
        ended.cause = failed->cause;
    } else {
        ended.output = std::get<json::Value>(trial.work);
    }
    map_run_ended(top, ended);
}

// Gives the Parallel or Map that has just begun its result.
void Runner::answer_fork(const Trial& trial, Tried& tried) {
    BranchFrame& top = frame_.top;
    std::optional<TaskFailed> failed = failure_of(trial);
    if (const auto* map = std::get_if<asl::MapFields>(&trial.state->fields)) {
        tried.item_count = top.fork->length;
        if (map->item_selector || map->item_selector_query) {
            for (std::size_t i = 0; i < top.fork->length; ++i) {
                BranchFrame child;
                child.parent = &top;
                child.index = i;
                if (const auto unusable = take_item(top, child)) return fail_fork(top, *unusable);
                tried.item_inputs.push_back(std::move(child.input.value));
                bytes_ += json::dumped_size(tried.item_inputs.back());
                if (trial.interrupted && trial.interrupted()) throw std::runtime_error("interrupted");
                if (steps_ > kMostSteps || bytes_ > kMostBytes)
                    return fail_fork(top, evaluator_of(top).runtime("Its items take too much to evaluate."));
            }
        }
        if (!failed) failed = intolerable(*map, tried.observed, trial.failed_items, top.fork->length);
    }
    bury_fork(top);
    if (failed) {
        Failure failure{failed->error, std::nullopt};
        if (!failed->cause.empty()) failure.cause = failed->cause;
        failure.of_branch = true;
        return fail_state(top, failure);
    }
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
    } catch (const Interrupted&) {
        throw;
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
