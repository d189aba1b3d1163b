// See child_flow_performer.hpp.
#include "pg/child_flows/child_flow_performer.hpp"

#include <algorithm>
#include <utility>

#include "pg/child_flows/execution_description.hpp"
#include "pg/child_flows/execution_name.hpp"
#include "pg/child_flows/execution_request.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/shared/wake.hpp"
#include "pg/starts/open_run_quota.hpp"
#include "pg/store/run_ends.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMessagesAtOnce = 512;
constexpr std::int64_t kAdoptedAgain = 10'000'000;  // us
constexpr std::int64_t kNameAgain = 50'000;         // us, until a call asks for a name again that was busy
constexpr std::int64_t kNameAgainAtMost = 5'000'000;

ParentRun parent_of(const RunFacts& run) {
    ParentRun parent;
    parent.id = run.id;
    parent.depth = run.depth;
    parent.subject = run.subject;
    parent.subject_issuer = run.subject_issuer;
    parent.subject_claims = run.subject_claims;
    parent.subject_handle = run.subject_handle;
    parent.traceparent = run.traceparent;
    return parent;
}

// What is in the way of flowctl.start(), by AWS's names.
calls::Refusal refusal_of(const UserError& error) {
    const char* name = "StepFunctions.ValidationException";
    switch (error.sqlstate) {
        case ERRCODE_INSUFFICIENT_PRIVILEGE:
            name = "States.Permissions";
            break;
        case ERRCODE_UNDEFINED_OBJECT:
            name = "StepFunctions.StateMachineDoesNotExistException";
            break;
        case ERRCODE_INVALID_NAME:
            name = "StepFunctions.InvalidNameException";
            break;
        case ERRCODE_INVALID_PARAMETER_VALUE:
        case ERRCODE_INVALID_TEXT_REPRESENTATION:
        case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
            name = "StepFunctions.InvalidExecutionInputException";
            break;
        default:
            if (ERRCODE_TO_CATEGORY(error.sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES)
                name = "StepFunctions.ExecutionLimitExceededException";
    }
    std::string cause = error.message;
    if (!error.detail.empty()) cause += ": " + error.detail;
    if (!error.hint.empty()) cause += (cause.ends_with('.') ? " " : ". ") + error.hint;
    return {name, cause};
}

calls::Refusal too_deep(const RunFacts& run) {
    return {"Flowctl.FlowDepthExceeded",
            "the run is " + std::to_string(run.depth) + " flows deep, and flowctl.max_flow_depth is " +
                std::to_string(guc::max_flow_depth) + ": flows that start one another in a circle end here"};
}

}  // namespace

// ------------------------------------------------------------------------------------- in the transaction

void ChildFlowPerformer::begin() {
    children_.clear();
    began_waiting_.clear();
    done_.clear();
    notices_.clear();
    later_staged_.clear();
    waiting_change_ = 0;
}

std::optional<Performer::Refusal> ChildFlowPerformer::prepare(Spi&, const RunFacts& run,
                                                              const machine::Call& call,
                                                              const Attempt& attempt) {
    auto read = read_request(call);
    if (auto* refusal = std::get_if<calls::Refusal>(&read)) return std::move(*refusal);
    const ExecutionRequest& wanted = std::get<ExecutionRequest>(read);
    if (run.depth + 1 > guc::max_flow_depth) return too_deep(run);

    const ParentRun parent = parent_of(run);
    StartRequest request;
    request.flow = wanted.flow;
    request.input = wanted.input;
    request.input_is_fit = true;
    request.name = wanted.name;
    request.starter = run.role;
    request.must_may_start = run.role;
    request.parent = &parent;
    // The run keeps a marker in place of a token that it is handed.
    std::optional<HandedToken> token = run.handed;
    if (call.resource.wait_for_token) token = token_of_call(run.id, call.place);
    const bool hands_token = token && token->is_in(request.input);
    if (hands_token) request.input = token->with_marker(std::move(request.input));
    store::NewRun child;
    try {
        child = make_run(request);
        open_run_quota::take(child.flow_owner);
    } catch (const UserError& error) {
        return refusal_of(error);
    }
    if (hands_token) child.handed_token = token->key;
    if (wanted.traceparent) child.traceparent = wanted.traceparent;
    const bool is_own_name = !child.name && run.context.express;
    if (is_own_name) child.name = name_of_call(run.id_text, call, run.context.redrive_count);

    Started started{child.run_id, false, {}};
    bool is_new = true;
    if (child.name) {
        auto name = take_execution_name(child, is_own_name);
        if (auto* refusal = std::get_if<calls::Refusal>(&name)) return std::move(*refusal);
        if (std::holds_alternative<NameIsBusy>(name)) {
            later_staged_.insert(run.id);
            return std::nullopt;
        }
        if (const auto* other = std::get_if<NameIsOf>(&name)) {
            is_new = false;
            started = {other->run, true, {}};
            Spi reading;
            for (const store::EndedRun& one : store::find_ended_runs(reading, {other->run}))
                started.description =
                    started_description(one.flow, one.name, one.id, one.express, one.started_at);
        }
    }
    if (is_new) {
        started.description = started_description(child.flow, child.name, child.run_id,
                                                  child.type == "EXPRESS", child.started_at);
        const bool at_once = child.name.has_value();  // the next call looks for runs with names in the tables
        children_.push_back(std::move(child));
        if (at_once) write_children();
    }
    if (call.resource.sync)
        began_waiting_.push_back({.parent = run.id,
                                  .call = call.id,
                                  .child = started.run,
                                  .path = call.path,
                                  .state = call.state,
                                  .attempt = call.attempt,
                                  .resource = call.resource.text,
                                  .due_at = call.deadline,
                                  .as_json = call.resource.sync_json,
                                  .adopted = started.adopted});
    if (call.resource.wait_for_token)
        waits_.stage({.run = run.id,
                      .flow_owner = run.flow_owner,
                      .call = call,
                      .token = token->token,
                      .again = attempt.again});
    if (call.resource.sync || call.resource.wait_for_token)
        attempt.events.push_back(
            machine::TaskContinues{call.id, std::nullopt, {}, std::move(started.description)});
    else
        attempt.events.push_back(machine::TaskSucceeded{call.id, std::move(started.description)});
    return std::nullopt;
}

void ChildFlowPerformer::write_children() {
    if (children_.empty()) return;
    std::set<Uuid> parents;
    for (const store::NewRun& child : children_)
        parents.insert(*child.parent_run_id);
    const std::map<Uuid, store::StartSession> sessions =
        store::find_sessions(std::vector<Uuid>(parents.begin(), parents.end()));
    for (store::NewRun& child : children_) {
        const auto session = sessions.find(*child.parent_run_id);
        if (session != sessions.end()) child.session = &session->second;
        carry_token_of_parent(child);
    }
    store::insert_runs(children_.data(), children_.size());
    for (const store::NewRun& child : children_)
        wake::note_started_run({child.run_id, child.flow_owner, child.wait.has_value()});
    children_.clear();
}

void ChildFlowPerformer::apply(const Item& item) {
    done_.push_back(item.ticket);
}

void ChildFlowPerformer::write(Spi& spi, const Changes& changes) {
    write_children();
    store::append_waiting(began_waiting_);
    waiting_change_ = static_cast<std::int64_t>(began_waiting_.size());
    if (!done_.empty()) {
        std::vector<store::CallKey> keys;
        for (const std::int64_t ticket : done_)
            keys.push_back(queued_.at(ticket));
        store::delete_messages(spi, keys);
        waiting_change_ -= static_cast<std::int64_t>(store::delete_waiting(spi, keys).size());
    }
    if (waiting_ + waiting_change_ > 0) stop_children(spi, changes);
    if (!changes.awaitable_ended.empty()) tell_parents(spi, changes);
}

bool ChildFlowPerformer::is_ours(const Uuid& run) const {
    return shard_of(bucket_of(run), shards_) == shard_;
}

// Writes messages, and keeps those for our own runs, so that they are told without another look at the tables.
void ChildFlowPerformer::send(std::vector<store::Message>&& messages,
                              std::map<store::CallKey, json::Value> contents) {
    store::append_messages(messages);
    for (const store::Message& message : messages) {
        if (!is_ours(message.to.first)) {
            wake::note_poke();
        } else if (message.to.second == store::kStop) {
            notices_.push_back({message.to, machine::Stopped{std::nullopt, message.content}});
        } else {
            notices_.push_back(
                {message.to, answer_of(message.to.second, contents.at(message.to), message.as_json)});
        }
    }
}

// Runs that nobody waits for any more, because their parent has ended or its Task has timed out or was aborted.
void ChildFlowPerformer::stop_children(Spi& spi, const Changes& changes) {
    std::vector<store::Waiting> over = store::delete_waiting_of(spi, changes.ended);
    for (store::Waiting& one : store::delete_waiting(spi, changes.dropped_calls))
        over.push_back(std::move(one));
    waiting_change_ -= static_cast<std::int64_t>(over.size());
    std::vector<store::Message> stops;
    for (const store::Waiting& one : over)
        if (!one.adopted)
            stops.push_back(
                {{one.child, store::kStop},
                 one.parent,
                 false,
                 "run " + to_string(one.parent) + ", which waited for this one, does not wait any more"});
    send(std::move(stops), {});
}

void ChildFlowPerformer::tell_parents(Spi& spi, const Changes& changes) {
    std::vector<Uuid> ids;
    for (const Changes::AwaitableEnded& ended : changes.awaitable_ended)
        ids.push_back(ended.id);
    const std::vector<store::Waiting> waiting = store::find_waiting_for(spi, ids);
    if (waiting.empty()) return;
    std::map<Uuid, const Changes::AwaitableEnded*> payloads;
    for (const Changes::AwaitableEnded& ended : changes.awaitable_ended)
        payloads[ended.id] = &ended;
    std::vector<Uuid> awaited;
    for (const store::Waiting& one : waiting)
        awaited.push_back(one.child);
    std::sort(awaited.begin(), awaited.end());
    awaited.erase(std::unique(awaited.begin(), awaited.end()), awaited.end());
    std::map<Uuid, json::Value> descriptions;
    for (const store::EndedRun& run : store::find_ended_runs(spi, awaited)) {
        const Changes::AwaitableEnded& ended = *payloads.at(run.id);
        std::optional<std::string> output;
        if (ended.output) output = json::dump(*ended.output);
        descriptions.emplace(
            run.id, ended_description(run, ended.input ? json::dump(*ended.input) : run.input, output));
    }
    std::vector<store::Message> messages;
    std::map<store::CallKey, json::Value> contents;
    for (const store::Waiting& one : waiting) {
        const auto description = descriptions.find(one.child);
        if (description == descriptions.end()) continue;
        const store::CallKey to{one.parent, one.call};
        messages.push_back({to, one.child, one.as_json, json::dump(description->second)});
        contents.emplace(to, description->second);
    }
    send(std::move(messages), std::move(contents));
}

// ------------------------------------------------------------------------------------- after the commit

void ChildFlowPerformer::queue(Notice&& notice) {
    if (!known_.insert(notice.to).second) return;
    queued_.emplace(++last_ticket_, notice.to);
    host_.queue({.run = notice.to.first,
                 .event = std::move(notice.event),
                 .load = true,
                 .from = this,
                 .ticket = last_ticket_});
}

void ChildFlowPerformer::committed(const Changes&) {
    waiting_ += waiting_change_;
    waiting_change_ = 0;
    for (const std::int64_t ticket : done_)
        if (const auto queued = queued_.extract(ticket)) known_.erase(queued.mapped());
    done_.clear();
    for (Notice& notice : notices_)
        queue(std::move(notice));
    notices_.clear();
    const bool is_first = later_.empty();
    later_.merge(later_staged_);
    later_staged_.clear();
    // Each of them will wait a moment, so the more there are, the less often they ask.
    if (is_first && !later_.empty())
        later_at_ = unix_micros_now() +
                    std::min(kNameAgainAtMost, kNameAgain * static_cast<std::int64_t>(1 + later_.size() / 8));
}

bool ChildFlowPerformer::work() {
    if (later_.empty() || unix_micros_now() < later_at_) return false;
    for (const Uuid& run : std::exchange(later_, {}))
        host_.queue({.run = run, .event = machine::Resumed{}, .load = true});
    return true;
}

std::optional<machine::Instant> ChildFlowPerformer::next_at() const {
    if (later_.empty()) return std::nullopt;
    return later_at_;
}

// ------------------------------------------------------------------------------------- in a sweep

// After a crash: calls whose run has ended without telling them. No worker does this; it is for rows that
// somebody has changed by hand or that an older version has left.
void ChildFlowPerformer::load(Spi& spi) {
    waiting_ = store::count_waiting(spi, shard_, shards_);
    if (waiting_ > 0) tell_untold(spi, false);
}

bool ChildFlowPerformer::look(Spi& spi) {
    const std::vector<store::Message> found =
        store::find_messages(spi, shard_, shards_, kMessagesAtOnce + known_.size());
    for (const store::Message& message : found) {
        if (known_.contains(message.to)) continue;
        if (message.to.second == store::kStop) {
            queue({message.to, machine::Stopped{std::nullopt, message.content}});
            continue;
        }
        json::ParseLimits limits;
        limits.max_bytes = message.content.size() + 1;
        limits.max_depth = machine::kMaxPayloadDepth;
        const auto description = json::parse(message.content, limits);
        queue({message.to, description ? answer_of(message.to.second, *description, message.as_json)
                                       : answer_without_run(message.to.second, message.sender)});
    }
    const machine::Instant now = unix_micros_now();
    if (waiting_ > 0 && (now >= adopted_at_ || adopted_at_ > now + kAdoptedAgain)) {
        adopted_at_ = now + kAdoptedAgain;
        tell_untold(spi, true);
    }
    return found.size() >= kMessagesAtOnce;
}

void ChildFlowPerformer::tell_untold(Spi& spi, bool adopted_only) {
    const std::vector<store::Waiting> untold = store::find_untold(spi, shard_, shards_, adopted_only);
    if (untold.empty()) return;
    std::vector<Uuid> ids;
    for (const store::Waiting& one : untold)
        ids.push_back(one.child);
    std::map<Uuid, json::Value> descriptions;
    for (const store::EndedRun& run : store::find_ended_runs(spi, ids)) {
        const auto result = store::find_result(spi, run.id);
        descriptions.emplace(run.id,
                             ended_description(run, run.input, result ? result->output : std::nullopt));
    }
    for (const store::Waiting& one : untold) {
        const auto description = descriptions.find(one.child);
        queue({{one.parent, one.call},
               description != descriptions.end() ? answer_of(one.call, description->second, one.as_json)
                                                 : answer_without_run(one.call, one.child)});
    }
}

}  // namespace flowctl::pg
