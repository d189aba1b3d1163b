// Map runs: how a distributed Map begins one, waits for it, and goes on when it is over; see runner.hpp.
//
// Everything that the map run needs is put into its plan here, because later the run may be out of memory, or
// a retry may have changed the visit. The history of this run does not show what the children do.
#include <algorithm>

#include "core/machine/identifiers.hpp"
#include "core/machine/map_numbers.hpp"
#include "core/machine/runner.hpp"

namespace flowctl::machine {

namespace {

const asl::MapFields& map_of(const BranchFrame& branch) {
    return std::get<asl::MapFields>(branch.definition->fields);
}

// A number that must not be 0 if the definition has it.
Evaluated<std::int64_t> positive(const asl::Count& count, std::string_view field, Evaluator& evaluator,
                                 const json::Value& input) {
    const auto value = count_of(count, field, evaluator, input);
    if (!value.ok() || !count.given() || value.value() > 0) return value;
    const std::string problem = std::string(field) + " must be greater than 0.";
    return Err{count.query ? evaluator.query_failure(problem, field) : evaluator.runtime(problem)};
}

// The value of the field, or null if the definition does not have it. In JSONata, messages call it `field`.
Evaluated<json::Value> value_of(const asl::Content& payload, const char* field, Evaluator& evaluator,
                                const json::Value& input) {
    if (!payload.given()) return json::Value();
    if (payload.query) return evaluator.query(*payload.query, std::string(field));
    return evaluator.apply(payload.payload, input);
}

std::optional<Failure> plan_reader(const asl::ItemReader& reader, Evaluator& evaluator,
                                   const json::Value& input, MapRunPlan& plan) {
    plan.reader = MapRunPlan::Reader{};
    plan.reader->resource = reader.resource;
    plan.reader->config = reader.config;
    plan.reader->config.max_items = {};
    auto arguments = value_of(reader.arguments, "ItemReader/Arguments", evaluator, input);
    if (!arguments.ok()) return arguments.error();
    plan.reader->arguments = std::move(arguments).value();
    const auto most = count_of(reader.config.max_items, "MaxItems", evaluator, input);
    if (!most.ok()) return most.error();
    plan.reader->max_items = most.value();
    return std::nullopt;
}

std::optional<Failure> plan_batcher(const asl::ItemBatcher& batcher, Evaluator& evaluator,
                                    const json::Value& input, MapRunPlan& plan) {
    plan.batcher = MapRunPlan::Batcher{};
    const auto items = positive(batcher.max_items, "MaxItemsPerBatch", evaluator, input);
    if (!items.ok()) return items.error();
    plan.batcher->max_items = items.value();
    const auto bytes = positive(batcher.max_bytes, "MaxInputBytesPerBatch", evaluator, input);
    if (!bytes.ok()) return bytes.error();
    plan.batcher->max_bytes = bytes.value();
    auto batch_input = value_of(batcher.batch_input, "ItemBatcher/BatchInput", evaluator, input);
    if (!batch_input.ok()) return batch_input.error();
    plan.batcher->input = std::move(batch_input).value();
    return std::nullopt;
}

std::optional<Failure> plan_writer(const asl::ResultWriter& writer, Evaluator& evaluator,
                                   const json::Value& input, MapRunPlan& plan) {
    plan.transformation = writer.transformation;
    plan.output_type = writer.output_type;
    if (!writer.resource) return std::nullopt;
    plan.writer.emplace();
    plan.writer->resource = *writer.resource;
    auto arguments = value_of(writer.arguments, "ResultWriter/Arguments", evaluator, input);
    if (!arguments.ok()) return arguments.error();
    plan.writer->arguments = std::move(arguments).value();
    return std::nullopt;
}

// Whether anybody sees the result of the state's work.
bool sees_result(const asl::State& state) {
    if (state.language == asl::QueryLanguage::Jsonata) {
        return !state.exit.output || may_read_result(*state.exit.output) ||
               (state.exit.assign && may_read_result(*state.exit.assign));
    }
    return state.result_path.kind != asl::ResultPlace::Kind::Discard || state.result_selector || state.assign;
}

}  // namespace

void Runner::begin_map_run(BranchFrame& branch, Evaluator& evaluator, const json::Value& input,
                           MapRunPlan plan) {
    const asl::State& state = *branch.definition;
    const asl::Distribution& distribution = *map_of(branch).distributed;
    plan.state = branch.state;
    plan.path = branch.path;
    plan.visit = branch.visit;
    plan.attempt = branch.attempt;
    plan.entered_event = branch.entered_event;
    plan.express = distribution.express;
    plan.label = distribution.label;
    std::optional<Failure> failure;
    if (distribution.reader) failure = plan_reader(*distribution.reader, evaluator, input, plan);
    if (!failure && distribution.batcher)
        failure = plan_batcher(*distribution.batcher, evaluator, input, plan);
    if (!failure && distribution.writer) failure = plan_writer(*distribution.writer, evaluator, input, plan);
    if (failure) return fail_fork_state(branch, *failure);
    plan.keeps_outputs = sees_result(state);
    plan.input = input;
    if (state.reads_context) plan.context = make_context(run_, branch);
    json::ObjectBuilder variables;
    for (const auto& [name, value] : branch.variables)
        variables.add(name, value);
    plan.variables = variables.build();
    plan.uuid = random_.next_uuid();
    plan.arn = map_run_arn(run_.state_machine_id, plan.label, plan.uuid);

    const std::int64_t after = branch.last_event;
    const std::int64_t id =
        record(branch, "MapRunStarted", json::ObjectBuilder().add("mapRunArn", plan.arn).build());
    if (history_full_) return;
    branch.map_run = id;
    branch.begun_map_run = std::make_shared<BegunMapRun>(BegunMapRun{id, after, plan.arn});
    move(branch, VisitEvent::RunMap);
    step_.effects.emplace_back(StartMapRun{id, std::move(plan)});
}

void Runner::map_run_ended(BranchFrame& branch, const MapRunEnded& event) {
    branch.map_run.reset();
    if (event.outcome == MapRunEnded::Outcome::Succeeded) {
        // From here on, another attempt needs another map run, because this one has succeeded.
        branch.begun_map_run.reset();
        if (const auto failure = unkeepable(branch, event.output)) return map_run_failed(branch, *failure);
        record(branch, "MapRunSucceeded", json::Value());
        record_aside(branch, branch.last_event, "MapStateSucceeded", json::Value());
        if (history_full_) return;
        Evaluator evaluator = evaluator_of(branch);
        complete(branch, evaluator, event.output, std::nullopt);
        return spend(evaluator);
    }
    Failure failure;
    failure.error = event.error.empty() ? std::string(kTaskFailed) : bounded(event.error, kMaxErrorBytes);
    const std::string place = failure.error == kRuntime ? occurred_in(branch) : "";
    if (!event.cause.empty()) failure.cause = bounded(place + event.cause, kMaxCauseBytes);
    if (event.outcome == MapRunEnded::Outcome::Failed) return map_run_failed(branch, failure);
    record(branch, "MapRunAborted", json::Value());
    failure.of_branch = true;
    fail_state(branch, failure);
}

void Runner::map_run_failed(BranchFrame& branch, Failure failure) {
    record(branch, "MapRunFailed", error_details(failure.error, failure.cause));
    failure.of_branch = true;
    fail_state(branch, failure);
}

// If the map run was to begin in this very step, it does not begin at all.
void Runner::cancel_map_run(BranchFrame& branch) {
    const std::int64_t id = *branch.map_run;
    branch.map_run.reset();
    if (withdraw<StartMapRun>(id)) {
        branch.begun_map_run.reset();
    } else if (!withdraw<RedriveMapRun>(id)) {
        step_.effects.emplace_back(CancelMapRun{id});
    }
}

// Goes on with the map run that the visit has begun.
void Runner::redrive_map_run(BranchFrame& branch) {
    BegunMapRun map_run = *branch.begun_map_run;
    ++map_run.redrives;
    branch.last_event = map_run.after;
    record(branch, "MapRunRedriven",
           json::ObjectBuilder()
               .add("mapRunArn", map_run.arn)
               .add("redriveCount", json::Value::integer(map_run.redrives))
               .build());
    if (history_full_) return;
    step_.effects.emplace_back(RedriveMapRun{map_run.id});
    branch.begun_map_run = std::make_shared<BegunMapRun>(std::move(map_run));
}

}  // namespace flowctl::machine
