// Saving and loading frames (Frame::save, Frame::load); see frame.hpp and machine.hpp.
//
// The saved form is JSON with a format number. Every version reads all formats that it knows; this version
// knows format 1. A branch inside another one is saved without the variables of the branches around it,
// because they cannot change before the branch is over. The items of a Map in JSONPath are not saved, because
// they can be read again from the state's input, the variables and the run. The items of a Map in JSONata are
// not saved either if they are the input, one of its members or a variable; otherwise the items that have not
// begun are saved.
//
// load() trusts nothing, because a frame comes from a table. A member that is missing, of the wrong type or
// out of range is an error that names it, so that such a run can fail with a reason. Numbers are bounded so
// that no later arithmetic on them can overflow. An absent member has its default, which keeps saved frames
// small.
#include "core/machine/frame.hpp"

#include <algorithm>
#include <limits>

#include "core/machine/saved.hpp"

namespace flowctl::machine {

namespace {

constexpr std::int64_t kFormat = 1;
constexpr int kMaxDepth = 300;  // of Forks inside each other; a definition can nest about 250
constexpr std::int64_t kMaxCount = 1'000'000'000;
constexpr std::int64_t kMaxEvent = 1'000'000'000'000;
constexpr std::int64_t kMaxInstant = std::numeric_limits<std::int64_t>::max() / 4;

constexpr std::string_view kVisitPhaseNames[] = {"Entering", "Working",    "Calling",   "Sleeping", "Retrying",
                                                 "Forked",   "MapRunning", "Exhausted", "Ended"};

// ---------------------------------------------------------------------------------------------- save

json::Value number(std::int64_t value) {
    return json::Value::integer(value);
}

json::Value numbers(const std::vector<std::int64_t>& all) {
    std::vector<json::Value> out;
    out.reserve(all.size());
    for (const std::int64_t one : all)
        out.push_back(number(one));
    return json::Value::array(std::move(out));
}

// `run_input` is null if the run's input must not be left out.
json::Value save_payload(const Payload& payload, const json::Value* run_input) {
    json::ObjectBuilder out;
    // The run's input is left out, because the run's row holds it.
    const bool is_run_input = run_input != nullptr && payload.event == 0 && payload.value.same(*run_input);
    if (!is_run_input) out.add("value", payload.value);
    if (payload.event != kNoEvent) out.add("event", number(payload.event));
    return out.build();
}

json::Value save_call(const PendingCall& call, const Payload& branch_input, const json::Value* run_input) {
    json::ObjectBuilder out;
    out.add("id", number(call.id));
    out.add("beganAt", number(call.began_at));
    // The branch's own input is left out, so that after loading the two are still one payload.
    if (!call.input.value.same(branch_input.value)) out.add("input", save_payload(call.input, run_input));
    add_value(out, "credentials", call.credentials);
    add_number(out, "deadline", call.deadline);
    add_number(out, "heartbeatDue", call.heartbeat_due);
    add_number(out, "heartbeatSeconds", call.heartbeat_seconds);
    add_number(out, "timeoutSeconds", call.timeout_seconds);
    add_flag(out, "taken", call.taken);
    add_flag(out, "outside", call.outside);
    add_flag(out, "submitted", call.submitted);
    add_flag(out, "token", call.markers.any);
    if (!call.markers.literal.empty()) out.add("literalMarkers", numbers(call.markers.literal));
    add_value(out, "follow", call.follow);
    add_number(out, "followDue", call.follow_due);
    return out.build();
}

json::Value save_branch(const BranchFrame& branch, const BranchFrame* parent, const json::Value* run_input);

json::Value save_item(const MapItem& item, const Payload& branch_input) {
    json::ObjectBuilder out;
    add_text(out, "key", item.key);
    if (!item.value.same(branch_input.value)) out.add("value", item.value);
    return out.build();
}

// Where the items can be read again from the branch, or otherwise the items that have not begun.
json::Value save_items(const Fork& fork, const BranchFrame& branch) {
    const json::Value& items = fork.items;
    const json::Value& input = branch.input.value;
    json::ObjectBuilder out;
    if (fork.items_from == 0) {
        if (items.same(input)) return out.add("of", "input").build();
        if (input.is_object()) {
            for (const json::Member& member : input.members()) {
                if (member.value.same(items)) return out.add("of", "input").add("name", member.key).build();
            }
        }
        for (const auto& [name, value] : branch.variables) {
            if (value.same(items)) return out.add("of", "variable").add("name", name).build();
        }
    }
    if (!items.is_array()) return out.add("all", items).build();
    const auto rest = items.items().begin() + static_cast<std::ptrdiff_t>(fork.begun - fork.items_from);
    return out.add("rest", json::Value::array(std::vector<json::Value>(rest, items.items().end()))).build();
}

json::Value save_fork(const Fork& fork, const BranchFrame& branch, const json::Value* run_input) {
    json::ObjectBuilder out;
    out.add("length", number(static_cast<std::int64_t>(fork.length)));
    out.add("begun", number(static_cast<std::int64_t>(fork.begun)));
    add_number(out, "most", static_cast<std::int64_t>(fork.most));
    // The branch's own input is left out.
    if (fork.begun < fork.length && !fork.input.value.same(branch.input.value))
        out.add("input", save_payload(fork.input, run_input));
    if (!fork.items.is_null()) out.add("items", save_items(fork, branch));
    if (fork.keeps_outputs) out.add("outputs", fork.outputs.save());
    std::vector<json::Value> children;
    for (const auto& [index, child] : fork.children)
        children.push_back(save_branch(child, &branch, run_input));
    if (!children.empty()) out.add("children", json::Value::array(std::move(children)));
    return out.build();
}

json::Value save_map_run(const BegunMapRun& map_run) {
    json::ObjectBuilder out;
    out.add("id", number(map_run.id));
    out.add("after", number(map_run.after));
    out.add("arn", map_run.arn);
    add_number(out, "redrives", map_run.redrives);
    return out.build();
}

json::Value save_branch(const BranchFrame& branch, const BranchFrame* parent, const json::Value* run_input) {
    json::ObjectBuilder out;
    if (parent != nullptr) out.add("index", number(static_cast<std::int64_t>(branch.index)));
    add_text(out, "path", branch.path);
    out.add("state", branch.state);
    out.add("phase", kVisitPhaseNames[static_cast<std::size_t>(branch.phase)]);
    out.add("input", save_payload(branch.input, run_input));
    add_number(out, "lastEvent", branch.last_event);
    add_number(out, "enteredEvent", branch.entered_event);
    // A failed evaluation needs it, which is possible only at the beginning of a visit, or of its redrive.
    if (branch.last_event == branch.entered_event || branch.phase == VisitPhase::Ended)
        add_number(out, "enteredAfter", branch.entered_after);
    add_number(out, "enteredAt", branch.entered_at);
    add_number(out, "visit", branch.visit);
    add_number(out, "attempt", branch.attempt);
    if (!branch.retries.empty()) out.add("retries", numbers(branch.retries));
    add_number(out, "due", branch.due);
    if (branch.call) out.add("call", save_call(*branch.call, branch.input, run_input));
    if (!branch.visits.empty()) {
        json::ObjectBuilder visits;
        for (const auto& [state, count] : branch.visits)
            visits.add(state, number(count));
        out.add("visits", visits.build());
    }
    json::ObjectBuilder variables;
    bool any = false;
    for (const auto& [name, value] : branch.variables) {
        if (parent != nullptr) {
            const auto outer = parent->variables.find(name);
            if (outer != parent->variables.end() && outer->second.same(value)) continue;
        }
        variables.add(name, value);
        any = true;
    }
    if (any) out.add("variables", variables.build());
    if (branch.item) out.add("item", save_item(*branch.item, branch.input));
    if (branch.fork) out.add("fork", save_fork(*branch.fork, branch, run_input));
    add_number(out, "mapRun", branch.map_run);
    if (branch.begun_map_run) out.add("begunMapRun", save_map_run(*branch.begun_map_run));
    add_number(out, "attemptsBefore", branch.attempts_before);
    add_flag(out, "unentered", branch.unentered);
    return out.build();
}

// ---------------------------------------------------------------------------------------------- load

class FrameReader : public SavedReader {
  public:
    explicit FrameReader(const json::Value* run_input)
        : SavedReader("the stored frame"), run_input_(run_input) {}
    std::optional<Instant> instant(const json::Value& object, std::string_view key) {
        const json::Value* value = member(object, key, json::Kind::Number);
        if (value == nullptr) return std::nullopt;
        return checked(*value, key, -kMaxInstant, kMaxInstant);
    }
    std::vector<std::int64_t> counts(const json::Value& object, std::string_view key) {
        std::vector<std::int64_t> read;
        const json::Value* all = member(object, key, json::Kind::Array);
        for (std::size_t i = 0; all != nullptr && i < all->size(); ++i)
            read.push_back(checked(all->items()[i], key, 0, kMaxCount));
        return read;
    }
    const json::Value* run_input() const { return run_input_; }

  private:
    const json::Value* run_input_;
};

Payload load_payload(const json::Value& saved, FrameReader& loader) {
    Payload payload;
    payload.event = loader.integer(saved, "event", kNoEvent, 0, kMaxEvent);
    if (const json::Value* value = saved.find("value")) {
        payload.value = *value;
    } else if (payload.event == 0 && loader.run_input() != nullptr) {
        payload.value = *loader.run_input();
    } else {
        loader.fail("value");
    }
    return payload;
}

PendingCall load_call(const json::Value& saved, const Payload& branch_input, FrameReader& loader) {
    PendingCall call;
    loader.required(saved, "id", json::Kind::Number);
    call.id = loader.integer(saved, "id", 0, 1, kMaxEvent);
    call.began_at = loader.instant(saved, "beganAt").value_or(0);
    const json::Value* input = loader.member(saved, "input", json::Kind::Object);
    call.input = input != nullptr ? load_payload(*input, loader) : branch_input;
    call.credentials = FrameReader::value(saved, "credentials");
    call.deadline = loader.instant(saved, "deadline");
    call.heartbeat_due = loader.instant(saved, "heartbeatDue");
    call.heartbeat_seconds = loader.integer(saved, "heartbeatSeconds", 0, 0, kMaxCount);
    call.follow = FrameReader::value(saved, "follow");
    call.follow_due = loader.instant(saved, "followDue");
    call.timeout_seconds = loader.integer(saved, "timeoutSeconds", 0, 0, kMaxCount);
    call.taken = loader.flag(saved, "taken");
    call.outside = loader.flag(saved, "outside");
    // Frames of older versions do not say it by themselves.
    call.submitted = loader.flag(saved, "submitted", !call.follow.is_null());
    call.markers.any = loader.flag(saved, "token");
    call.markers.literal = loader.counts(saved, "literalMarkers");
    return call;
}

BranchFrame load_branch(const json::Value& saved, FrameReader& loader, const BranchFrame* parent, int depth);

MapItem load_item(const json::Value& saved, const Payload& branch_input, FrameReader& loader) {
    MapItem item;
    item.key = loader.text(saved, "key");
    const json::Value* value = saved.find("value");
    item.value = value != nullptr ? *value : branch_input.value;
    return item;
}

void load_items(const json::Value& saved, const BranchFrame& branch, FrameReader& loader, Fork& fork) {
    const json::Value* items = nullptr;
    if (const json::Value* of = loader.member(saved, "of", json::Kind::String)) {
        const json::Value* name = loader.member(saved, "name", json::Kind::String);
        if (of->as_string() == "variable" && name != nullptr) {
            const auto variable = branch.variables.find(name->as_string());
            if (variable != branch.variables.end()) items = &variable->second;
        } else if (of->as_string() == "input") {
            items = name == nullptr ? &branch.input.value : branch.input.value.find(name->as_string());
        }
    } else if (const json::Value* rest = loader.member(saved, "rest", json::Kind::Array)) {
        items = rest;
        fork.items_from = fork.begun;
    } else {
        items = loader.required(saved, "all", json::Kind::Object);
    }
    const bool fits = items != nullptr && (items->is_array() || items->is_object()) &&
                      items->size() + fork.items_from == fork.length;
    if (fits) {
        fork.items = *items;
    } else {
        loader.fail("items");
    }
}

Fork load_fork(const json::Value& saved, const BranchFrame& branch, FrameReader& loader, int depth) {
    Fork fork;
    loader.required(saved, "length", json::Kind::Number);
    fork.length = static_cast<std::size_t>(loader.integer(saved, "length", 0, 0, kMaxCount));
    fork.begun = static_cast<std::size_t>(
        loader.integer(saved, "begun", 0, 0, static_cast<std::int64_t>(fork.length)));
    fork.most = static_cast<std::size_t>(loader.integer(saved, "most", 0, 0, kMaxCount));
    if (fork.begun < fork.length) {
        const json::Value* input = loader.member(saved, "input", json::Kind::Object);
        fork.input = input != nullptr ? load_payload(*input, loader) : branch.input;
        if (const json::Value* items = loader.member(saved, "items", json::Kind::Object))
            load_items(*items, branch, loader, fork);
    }
    const json::Value* outputs = saved.find("outputs");
    fork.keeps_outputs = outputs != nullptr;
    fork.outputs = Outputs(fork.length);
    if (outputs != nullptr && !fork.outputs.load(*outputs)) loader.fail("outputs");
    if (const json::Value* children = loader.member(saved, "children", json::Kind::Array)) {
        for (const json::Value& child : children->items()) {
            if (!loader.ok()) break;
            const auto index = static_cast<std::size_t>(loader.integer(child, "index", 0, 0, kMaxCount));
            const bool is_new =
                index < fork.begun && !fork.outputs.has(index) &&
                fork.children.emplace(index, load_branch(child, loader, &branch, depth)).second;
            if (!is_new) loader.fail("children");
        }
    }
    // Each branch that has begun either runs or has given its output, and at least one is not over.
    const std::size_t known = fork.outputs.count() + fork.children.size();
    if (fork.keeps_outputs && known != fork.begun) loader.fail("begun");
    if (fork.begun == fork.length && fork.children.empty()) loader.fail("children");
    return fork;
}

std::shared_ptr<const BegunMapRun> load_map_run(const json::Value& saved, FrameReader& loader) {
    auto map_run = std::make_shared<BegunMapRun>();
    map_run->id = loader.integer(saved, "id", 0, 1, kMaxEvent);
    map_run->after = loader.integer(saved, "after", 0, 0, kMaxEvent);
    map_run->arn = loader.text_or_empty(saved, "arn");
    map_run->redrives = loader.integer(saved, "redrives", 0, 0, kMaxCount);
    return map_run;
}

BranchFrame load_branch(const json::Value& saved, FrameReader& loader, const BranchFrame* parent, int depth) {
    BranchFrame branch;
    if (!saved.is_object() || depth > kMaxDepth) {
        loader.fail("children");
        return branch;
    }
    branch.index = static_cast<std::size_t>(loader.integer(saved, "index", 0, 0, kMaxCount));
    branch.path = loader.text_or_empty(saved, "path");
    if (const json::Value* state = loader.required(saved, "state", json::Kind::String))
        branch.state = state->as_string();
    branch.phase = static_cast<VisitPhase>(loader.one_of(saved, "phase", kVisitPhaseNames));
    if (const json::Value* input = loader.required(saved, "input", json::Kind::Object))
        branch.input = load_payload(*input, loader);
    branch.last_event = loader.integer(saved, "lastEvent", 0, 0, kMaxEvent);
    branch.entered_event = loader.integer(saved, "enteredEvent", 0, 0, kMaxEvent);
    branch.entered_after = loader.integer(saved, "enteredAfter", 0, 0, kMaxEvent);
    branch.entered_at = loader.instant(saved, "enteredAt").value_or(0);
    branch.visit = static_cast<int>(loader.integer(saved, "visit", 0, 0, kMaxCount));
    branch.attempt = static_cast<int>(loader.integer(saved, "attempt", 0, 0, kMaxCount));
    branch.retries = loader.counts(saved, "retries");
    branch.due = loader.instant(saved, "due");
    if (const json::Value* call = loader.member(saved, "call", json::Kind::Object))
        branch.call = load_call(*call, branch.input, loader);
    if (const json::Value* visits = loader.member(saved, "visits", json::Kind::Object)) {
        for (const json::Member& visit : visits->members())
            branch.visits[visit.key] = static_cast<int>(loader.checked(visit.value, "visits", 0, kMaxCount));
    }
    if (const json::Value* variables = loader.member(saved, "variables", json::Kind::Object)) {
        for (const json::Member& variable : variables->members())
            branch.variables[variable.key] = variable.value;
    }
    if (parent != nullptr) branch.variables.insert(parent->variables.begin(), parent->variables.end());
    if (const json::Value* item = loader.member(saved, "item", json::Kind::Object)) {
        branch.item = load_item(*item, branch.input, loader);
        branch.item->index = branch.index;
    }
    if (const json::Value* fork = loader.member(saved, "fork", json::Kind::Object))
        branch.fork = ForkPointer(load_fork(*fork, branch, loader, depth + 1));
    if (saved.find("mapRun") != nullptr) branch.map_run = loader.integer(saved, "mapRun", 0, 1, kMaxEvent);
    if ((branch.phase == VisitPhase::MapRunning) != branch.map_run.has_value()) loader.fail("mapRun");
    if (const json::Value* begun = loader.member(saved, "begunMapRun", json::Kind::Object))
        branch.begun_map_run = load_map_run(*begun, loader);
    branch.attempts_before = static_cast<int>(loader.integer(saved, "attemptsBefore", 0, 0, branch.attempt));
    branch.unentered = loader.flag(saved, "unentered");
    const bool may_fork = branch.phase == VisitPhase::Forked || branch.phase == VisitPhase::Ended;
    const bool forks = static_cast<bool>(branch.fork);
    if ((forks && !may_fork) || (!forks && branch.phase == VisitPhase::Forked)) loader.fail("fork");
    if ((branch.phase == VisitPhase::Calling) != branch.call.has_value()) loader.fail("call");
    return branch;
}

// The highest event id that the branch knows. It must not be above the frame's last one.
std::int64_t latest_event(const BranchFrame& branch) {
    std::int64_t latest = std::max({branch.last_event, branch.entered_event, branch.input.event});
    if (branch.call) latest = std::max({latest, branch.call->id, branch.call->input.event});
    if (branch.map_run) latest = std::max(latest, *branch.map_run);
    if (branch.begun_map_run) latest = std::max({latest, branch.begun_map_run->id, branch.begun_map_run->after});
    if (branch.fork) latest = std::max(latest, branch.fork->input.event);
    return latest;
}

}  // namespace

json::Value Frame::save(const json::Value* run_input) const {
    json::ObjectBuilder out;
    out.add("format", number(kFormat));
    add_flag(out, "paused", data_->paused);
    if (!data_->started) return out.build();
    out.add("status", name_of(data_->status));
    add_number(out, "lastEvent", data_->last_event);
    add_number(out, "deadline", data_->deadline);
    out.add("top", save_branch(data_->top, nullptr, run_input));
    return out.build();
}

Result<Frame, std::string> Frame::load(const json::Value& saved, const json::Value* run_input) {
    FrameReader loader(run_input);
    Frame frame;
    FrameData& data = *frame.data_;
    if (!saved.is_object()) return Err{std::string("the stored frame is not an object")};
    const json::Value* format = saved.find("format");
    if (format == nullptr || !format->is_number() || format->as_integer() != kFormat)
        return Err{std::string("the stored frame has a format that this version does not know")};
    data.paused = loader.flag(saved, "paused");
    if (saved.find("top") == nullptr) {
        if (!loader.ok()) return Err{loader.error()};
        return frame;
    }
    data.started = true;
    data.status = static_cast<Status>(loader.one_of(saved, "status", kStatusNames));
    data.last_event = loader.integer(saved, "lastEvent", 0, 0, kMaxEvent);
    data.deadline = loader.instant(saved, "deadline");
    data.top = load_branch(*saved.find("top"), loader, nullptr, 0);
    for_each_branch(data.top, [&](const BranchFrame& branch) {
        if (latest_event(branch) > data.last_event) loader.fail("lastEvent");
    });
    if (!loader.ok()) return Err{loader.error()};
    return frame;
}

}  // namespace flowctl::machine
