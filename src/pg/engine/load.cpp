// Runs from the store; see load.hpp.
#include "pg/engine/load.hpp"

#include <array>
#include <cstdint>
#include <tuple>

#include "core/json.hpp"
#include "core/machine/frame.hpp"
#include "pg/callbacks/token_keys.hpp"
#include "pg/server/arn_space.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/store/forks.hpp"

namespace flowctl::pg {

namespace {

// Measured: a value in an array or object takes 16 bytes, the node of a string or of a fraction some 50, of an
// array or object some 80. Every frame that is stored is counted, so this is a table and no decision.
constexpr std::array<std::uint8_t, 256> kMemoryOf = [] {
    std::array<std::uint8_t, 256> bytes{};
    bytes.fill(1);
    bytes['['] = bytes['{'] = 81;
    bytes[','] = bytes[':'] = 25;
    bytes['"'] = 21;
    bytes['.'] = 51;
    return bytes;
}();

// The event that started the run, as a run sees it. What the run's row says anyway is not stored with the event.
json::Value complete_event(json::Value event, const store::StoredRun& row) {
    if (!event.is_object()) return event;
    const auto add = [&](std::string_view name, const std::string& value) {
        if (event.find(name) == nullptr) event = json::with_member(event, name, json::Value::string(value));
    };
    if (event.find("authid") == nullptr) {
        add("authtype", row.subject ? "app_user" : "user");
        add("authid", row.subject ? *row.subject : role_name(row.starter));
    }
    if (row.traceparent) add("traceparent", *row.traceparent);
    add("sequence", to_string(row.run_id));
    if (row.parent_run_id) add("causationid", to_string(*row.parent_run_id));
    return event;
}

}  // namespace

std::size_t memory_of(std::string_view text) {
    std::size_t bytes = 0;
    for (const char c : text)
        bytes += kMemoryOf[static_cast<unsigned char>(c)];
    return bytes;
}

namespace {

// Of a fork. What is wrong; empty: nothing.
std::string find_beginning(Spi& spi, LiveRun& run, const json::ParseLimits& limits) {
    const auto point = store::find_fork(spi, run.id);
    if (!point) return "what it was to begin with is gone";
    auto input = json::parse(point->input, limits);
    auto variables = json::parse(point->variables, limits);
    if (!input || !variables) return "what it was to begin with is not JSON";
    run.begins_at = {point->state, std::move(input).value(), std::move(variables).value()};
    run.fixed_bytes += memory_of(point->input) + memory_of(point->variables);
    run.bytes = run.fixed_bytes;
    return "";
}

}  // namespace

std::unique_ptr<LiveRun> make_live(Spi& spi, State& state, const store::StoredRun& row,
                                   std::string& problem) {
    auto run = std::make_unique<LiveRun>();
    run->id = row.run_id;
    run->id_text = to_string(row.run_id);
    run->flow = row.flow;
    const Part* owner = nullptr;
    if (row.map_run_id) {
        run->child = ChildOf{*row.map_run_id, row.map_index, row.map_items};
        std::tie(run->version, owner) = state.version_of_child(*run->child);
        if (owner == nullptr) {
            problem = "its map run is over";
            return run;
        }
    } else {
        run->version =
            state.versions.find(spi, {row.flow_id, row.version, row.flow, row.flow_owner, row.run_id});
        if (!run->version) return nullptr;
    }
    run->express = row.express;
    run->awaitable = store::is_awaitable(row);
    run->depth = row.depth;
    if (row.handed_token) run->handed = token_of_key(*row.handed_token);
    run->stored = row.frame.has_value();
    run->resumed = row.frame.has_value() || row.express;
    run->role = row.role;
    run->flow_owner = row.flow_owner;
    run->flow_version = row.version;
    run->subject = row.subject;
    run->subject_issuer = row.subject_issuer;
    run->subject_claims = row.subject_claims;
    run->subject_handle = row.subject_handle;
    run->traceparent = row.traceparent;
    if (!run->version->flow) {
        problem = run->version->problem;
        return run;
    }
    machine::RunContext& context = run->context;
    const machine::ArnSpace space = arn_space();
    context.execution_name = row.name.value_or(run->id_text);
    context.execution_id = row.express ? space.express(row.flow, context.execution_name, run->id_text)
                                       : space.execution(row.flow, context.execution_name);
    context.role_arn = space.role(role_name(row.role));
    context.state_machine_id = space.state_machine(row.flow);
    context.state_machine_name = row.flow;
    context.started_at = row.started_at;
    // A run that has waited at a limit has its time from its beginning on.
    if (const auto seconds = run->version->flow->timeout_seconds)
        run->ends_at = row.redriven_at.value_or(unix_micros_now()) + *seconds * 1'000'000;
    context.express = row.express;
    context.pauses_when_exhausted = run->version->options.on_exhausted == OnExhausted::Pause;
    json::ParseLimits limits;
    limits.max_bytes = static_cast<std::size_t>(MaxAllocSize);
    auto input = json::parse(row.input, limits);
    if (!input) {
        problem = "its input is not JSON: " + input.error().message;
        return run;
    }
    context.input = std::move(input).value();
    run->fixed_bytes = sizeof(LiveRun) + memory_of(row.input) + (row.event ? memory_of(*row.event) : 0);
    run->bytes = run->fixed_bytes + (row.frame ? memory_of(*row.frame) : 0);
    if (owner != nullptr) owner->place_child(*run->child, run->id_text, context);
    context.redrive_count = row.redrive_count;
    context.redriven_at = row.redriven_at;
    run->tokens = std::make_unique<TaskTokensOfRun>(row.run_id);
    context.tokens = run->tokens.get();
    if (row.event)
        if (auto event = json::parse(*row.event, limits)) context.event = complete_event(std::move(event).value(), row);
    if (!row.frame) {
        if (row.is_fork) problem = find_beginning(spi, *run, limits);
        return run;
    }
    json::ParseLimits frame_limits = limits;
    frame_limits.max_depth = machine::kMaxFrameDepth;
    auto saved = json::parse(*row.frame, frame_limits);
    if (!saved) {
        problem = "its frame is not JSON: " + saved.error().message;
        return run;
    }
    auto frame = machine::Frame::load(*saved, &context.input);
    if (!frame) {
        problem = frame.error();
        return run;
    }
    run->frame = std::move(frame).value();
    if (const auto deadline = run->frame.data().deadline) run->ends_at = deadline;
    return run;
}

}  // namespace flowctl::pg
