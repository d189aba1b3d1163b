// The logic of a map run; see map_run.hpp.
#include "core/map_run/map_run.hpp"

#include <algorithm>

#include "core/map_run/results.hpp"

namespace flowctl::map_run {

namespace {

constexpr std::string_view kExceeded = "States.ExceedToleratedFailureThreshold";
constexpr std::string_view kExceededCause = "The specified tolerated failure threshold was exceeded";
constexpr std::int64_t kMostCounted = 1'000'000'000'000;

// {"BatchInput":,"Items":[]} around the two.
constexpr std::size_t kBatchFrameBytes = 26;

const asl::State* find_map(const asl::Block& block, std::string_view name) {
    for (const asl::State& state : block.states) {
        if (const auto* parallel = std::get_if<asl::ParallelFields>(&state.fields)) {
            for (const auto& branch : parallel->branches) {
                if (const asl::State* found = find_map(*branch, name)) return found;
            }
        }
        const auto* map = std::get_if<asl::MapFields>(&state.fields);
        if (map == nullptr) continue;
        if (map->distributed != nullptr && state.name == name) return &state;
        if (const asl::State* found = find_map(*map->processor, name)) return found;
    }
    return nullptr;
}

json::Value save_counts(const Counts& counts) {
    json::ObjectBuilder out;
    const auto add = [&out](std::string_view key, std::int64_t value) {
        if (value != 0) out.add(key, json::Value::integer(value));
    };
    add("total", counts.total);
    add("running", counts.running);
    add("succeeded", counts.succeeded);
    add("failed", counts.failed);
    add("timedOut", counts.timed_out);
    add("aborted", counts.aborted);
    return out.build();
}

bool load_counts(const json::Value* saved, Counts& counts) {
    if (saved == nullptr || !saved->is_object()) return false;
    const auto read = [saved](std::string_view key, std::int64_t& value) {
        const json::Value* number = saved->find(key);
        if (number == nullptr) return true;
        const auto integer = number->is_number() ? number->as_integer() : std::nullopt;
        if (!integer || *integer < 0 || *integer > kMostCounted) return false;
        value = *integer;
        return true;
    };
    return read("total", counts.total) && read("running", counts.running) &&
           read("succeeded", counts.succeeded) && read("failed", counts.failed) &&
           read("timedOut", counts.timed_out) && read("aborted", counts.aborted);
}

void count_end(Counts& counts, machine::Status status, std::int64_t number) {
    counts.running -= std::min(number, counts.running);
    switch (status) {
        case machine::Status::Succeeded:
            counts.succeeded += number;
            break;
        case machine::Status::TimedOut:
            counts.timed_out += number;
            break;
        case machine::Status::Aborted:
            counts.aborted += number;
            break;
        default:
            counts.failed += number;
    }
}

Failure too_large(const machine::MapRunPlan& plan, std::string_view what) {
    return {std::string(machine::kDataLimit), "The state/task '" + plan.state + "' " + std::string(what) +
                                                  " with a size exceeding the maximum number of bytes "
                                                  "service limit."};
}

}  // namespace

json::Value Progress::save() const {
    json::ObjectBuilder out;
    if (source_ended) out.add("sourceEnded", json::Value::boolean(true));
    return out.add("items", save_counts(items)).add("children", save_counts(children)).build();
}

Result<Progress, std::string> Progress::load(const json::Value& saved) {
    Progress progress;
    const json::Value* ended = saved.find("sourceEnded");
    progress.source_ended = ended != nullptr && ended->is_bool() && ended->as_bool();
    if (!load_counts(saved.find("items"), progress.items) ||
        !load_counts(saved.find("children"), progress.children))
        return Err{std::string("the stored progress of the map run is wrong")};
    return progress;
}

MapRun::MapRun(const asl::State& map, machine::MapRunPlan plan, const machine::Limits& limits,
               std::int64_t most_children, const Progress& progress)
    : plan_(std::move(plan)),
      inputs_(map, plan_),
      limits_(limits),
      most_children_(plan_.max_concurrency),
      source_(plan_.source()),
      progress_(progress),
      taken_(progress.items_begun()) {
    if (most_children_ == 0 || (most_children > 0 && most_children < most_children_))
        most_children_ = most_children;
    if (!plan_.reader && !progress_.source_ended) {
        progress_.items.total = static_cast<std::int64_t>(plan_.items.size());
        if (progress_.items.total == taken_) progress_.source_ended = true;
    }
    judge();
}

const asl::State* MapRun::find_map(const asl::Flow& flow, std::string_view name) {
    return map_run::find_map(flow.top, name);
}

bool MapRun::wants_item() const {
    if (failure_ || progress_.source_ended) return false;
    return most_children_ == 0 || progress_.children.running < most_children_;
}

std::optional<Item> MapRun::next_own_item() const {
    if (plan_.reader || !wants_item()) return std::nullopt;
    const auto at = static_cast<std::size_t>(taken_);
    Item item;
    if (at >= plan_.items.size()) return std::nullopt;
    if (plan_.items.is_array()) {
        item.value = plan_.items.items()[at];
    } else {
        const json::Member& member = plan_.items.members()[at];
        item.key = member.key;
        item.value = member.value;
    }
    return item;
}

std::vector<Child> MapRun::take(const Item& item, const machine::Now& now) {
    if (!wants_item()) return {};
    machine::MapItem given;
    given.index = static_cast<std::size_t>(taken_);
    given.key = item.key;
    given.value = item.value;
    given.source = item.source ? item.source : source_;
    const auto input = inputs_.of(given, limits_, now);
    if (!input.ok()) {
        failure_ = Failure{input.error().error, input.error().cause.value_or("")};
        return {};
    }
    ++taken_;
    progress_.items.total = std::max(progress_.items.total, taken_);
    std::vector<Child> children;
    if (plan_.batcher) {
        children = add_to_batch(input.value());
    } else {
        begin(children, input.value(), 1);
    }
    const bool last = plan_.reader ? plan_.reader->max_items > 0 && taken_ >= plan_.reader->max_items
                                   : taken_ >= static_cast<std::int64_t>(plan_.items.size());
    if (last) {
        for (Child& child : end_of_items())
            children.push_back(std::move(child));
    }
    return children;
}

std::vector<Child> MapRun::end_of_items() {
    std::vector<Child> children;
    if (failure_ || progress_.source_ended) return children;
    flush(children);
    if (failure_) return children;
    progress_.source_ended = true;
    progress_.items.total = taken_;
    judge();
    return children;
}

void MapRun::fail(std::string_view error, std::string cause) {
    if (!failure_) failure_ = Failure{std::string(error), std::move(cause)};
}

// A batch is full when it has as many items as it may, or when another would make it too large.
std::vector<Child> MapRun::add_to_batch(const json::Value& input) {
    std::vector<Child> children;
    const std::size_t allowed =
        plan_.batcher->max_bytes > 0
            ? std::min(static_cast<std::size_t>(plan_.batcher->max_bytes), limits_.max_payload_bytes)
            : limits_.max_payload_bytes;
    const std::size_t bytes = json::dumped_size(input) + 1;
    const std::size_t around = kBatchFrameBytes + json::dumped_size(plan_.batcher->input);
    if (around + bytes > allowed) {
        failure_ = too_large(plan_, "has an item that does not fit into a batch,");
        return children;
    }
    if (!batch_.empty() && around + batch_bytes_ + bytes > allowed) flush(children);
    batch_.push_back(input);
    batch_bytes_ += bytes;
    const auto most = static_cast<std::size_t>(plan_.batcher->max_items);
    if (most > 0 && batch_.size() >= most) flush(children);
    return children;
}

void MapRun::flush(std::vector<Child>& children) {
    if (batch_.empty()) return;
    const auto items = static_cast<std::int64_t>(batch_.size());
    json::ObjectBuilder input;
    if (!plan_.batcher->input.is_null()) input.add("BatchInput", plan_.batcher->input);
    input.add("Items", json::Value::array(std::move(batch_)));
    batch_ = {};
    batch_bytes_ = 0;
    begin(children, input.build(), items);
}

void MapRun::begin(std::vector<Child>& children, json::Value input, std::int64_t items) {
    if (json::dumped_size(input) > limits_.max_payload_bytes) {
        failure_ = too_large(plan_, "gives a child an input");
        return;
    }
    if (json::depth(input) > machine::kMaxPayloadDepth) {
        failure_ = Failure{std::string(machine::kDataLimit),
                           "The state/task '" + plan_.state +
                               "' gives a child an input that is nested more than 1000 levels deep."};
        return;
    }
    children.push_back({progress_.children.total, items, std::move(input)});
    ++progress_.children.total;
    ++progress_.children.running;
    progress_.items.running += items;
}

void MapRun::child_ended(const ChildEnd& end) {
    count_end(progress_.children, end.status, 1);
    count_end(progress_.items, end.status, end.items);
    keep_result(end);
    judge();
}

void MapRun::recall(const ChildEnd& end) {
    keep_result(end);
}

bool MapRun::keeps_results() const {
    return plan_.keeps_outputs && !plan_.writer && !results_too_large_;
}

void MapRun::keep_result(const ChildEnd& end) {
    if (!keeps_results()) return;
    std::vector<json::Value> results = results_of(end, plan_.transformation);
    for (const json::Value& result : results)
        result_bytes_ += json::dumped_size(result) + 1;
    if (result_bytes_ + 1 > limits_.max_payload_bytes) {
        results_too_large_ = true;
        results_.clear();
        return;
    }
    results_[end.index] = std::move(results);
}

// Whether more has failed than is tolerated. A percentage is of all items, which are known when all are read;
// until then the map run can only have failed if nothing is tolerated.
void MapRun::judge() {
    if (failure_) return;
    const Counts& items = progress_.items;
    const std::int64_t failed = items.failed + items.timed_out + items.aborted;
    bool exceeded = failed > 0 && !plan_.tolerated_count && !plan_.tolerated_percentage;
    if (plan_.tolerated_count && failed > *plan_.tolerated_count) exceeded = true;
    if (plan_.tolerated_percentage) {
        const double tolerated = *plan_.tolerated_percentage;
        const bool total_is_known = progress_.source_ended || !plan_.reader;
        if (tolerated <= 0.0 && failed > 0) exceeded = true;
        if (total_is_known &&
            static_cast<double>(failed) * 100.0 > tolerated * static_cast<double>(items.total))
            exceeded = true;
    }
    if (exceeded) failure_ = Failure{std::string(kExceeded), std::string(kExceededCause)};
}

bool MapRun::done() const {
    return !failure_ && progress_.source_ended && progress_.children.running == 0;
}

Result<json::Value, Failure> MapRun::result() const {
    if (failure_) return Err{*failure_};
    if (results_too_large_) return Err{too_large(plan_, "returned a result")};
    std::vector<json::Value> all;
    for (const auto& [index, results] : results_)
        all.insert(all.end(), results.begin(), results.end());
    if (plan_.output_type == asl::ResultWriter::OutputType::Jsonl) {
        ResultText lines(plan_.output_type);
        std::string text;
        for (const json::Value& each : all)
            lines.append(each, text);
        return json::Value::string(text);
    }
    json::Value result = json::Value::array(std::move(all));
    if (json::depth(result) > machine::kMaxPayloadDepth) {
        return Err{Failure{std::string(machine::kDataLimit),
                           "The state/task '" + plan_.state +
                               "' returned a result that is nested more than 1000 levels deep."}};
    }
    return result;
}

machine::MapRunEnded succeeded(std::int64_t map_run, json::Value output) {
    return {map_run, machine::MapRunEnded::Outcome::Succeeded, std::move(output), "", ""};
}

machine::MapRunEnded failed(std::int64_t map_run, const Failure& failure) {
    return {map_run, machine::MapRunEnded::Outcome::Failed, json::Value(), failure.error, failure.cause};
}

machine::RunContext child_context(const machine::RunContext& parent, const machine::MapRunPlan& plan,
                                  const std::string& name, machine::Instant started_at, json::Value input) {
    machine::RunContext child;
    child.state_machine_id = parent.state_machine_id + "/" + plan.label;
    child.state_machine_name = parent.state_machine_name + "/" + plan.label;
    constexpr std::string_view kMachine = ":stateMachine:";
    child.execution_id = child.state_machine_id;
    if (const std::size_t at = child.execution_id.find(kMachine); at != std::string::npos)
        child.execution_id.replace(at, kMachine.size(), ":execution:");
    child.execution_id += ":" + name;
    child.execution_name = name;
    child.role_arn = parent.role_arn;
    child.started_at = started_at;
    child.input = std::move(input);
    child.event = parent.event;
    child.express = plan.express;
    return child;
}

}  // namespace flowctl::map_run
