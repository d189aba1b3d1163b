// What a Map over many items costs: its steps, and its frame, which is stored after every turn of the worker.
//
//   map [items]
//
// Printed, never asserted.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "core/asl/asl.hpp"
#include "core/machine/machine.hpp"

using namespace flowctl;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Run {
    explicit Run(const std::string& definition, const json::Value& input)
        : compiled(asl::compile(definition)) {
        if (compiled.flow == nullptr) {
            std::printf("does not compile: %s\n", compiled.findings.front().message.c_str());
            std::exit(1);
        }
        context.input = input;
        limits.max_history_events = 1'000'000'000;
        limits.max_payload_bytes = 1 << 30;
    }
    machine::Step give(const machine::Event& event) {
        machine::Now now{1'790'000'000'000'000, ++seed};
        return machine::advance(*compiled.flow, context, limits, frame, event, now);
    }

    asl::Compiled compiled;
    machine::RunContext context;
    machine::Limits limits;
    machine::Frame frame;
    std::uint64_t seed = 0;
};

std::string map_of(const std::string& fields, const std::string& state) {
    return R"({"StartAt": "M", "States": {"M": {"Type": "Map", "End": true)" + fields +
           R"(, "ItemProcessor": {"StartAt": "S", "States": {"S": )" + state + "}}}}}";
}

void passes(const json::Value& input) {
    Run run(map_of("", R"({"Type": "Pass", "End": true})"), input);
    const auto start = Clock::now();
    int turns = 1;
    double longest = 0;
    for (machine::Event event = machine::Started{};; event = machine::TimerFired{}, ++turns) {
        const auto turn = Clock::now();
        const machine::Step step = run.give(event);
        longest = std::max(longest, seconds_since(turn));
        if (step.outcome.status != machine::Status::Running) break;
    }
    std::printf("%-34s %8.3f s, %d calls of advance(), the longest %.2f ms\n", "every item one Pass",
                seconds_since(start), turns, longest * 1e3);
}

void tasks(const char* name, const json::Value& input, std::int64_t concurrency, const char* fields) {
    Run run(map_of(fields,
                   R"({"Type": "Task", "Resource": "flowctl:http:s", "TimeoutSeconds": 60, "End": true})"),
            input);
    run.limits.max_map_concurrency = concurrency;
    std::deque<std::int64_t> calls;
    const auto take = [&](const machine::Step& step) {
        for (const machine::Effect& effect : step.effects)
            calls.push_back(std::get<machine::Call>(effect).id);
    };
    const json::Value answer =
        json::ObjectBuilder().add("status", "shipped").add("id", json::Value::integer(7)).build();
    const std::size_t half = input.size() / 2;
    std::size_t answers = 0;
    double advancing = 0;
    auto start = Clock::now();
    machine::Step step = run.give(machine::Started{});
    for (;;) {
        take(step);
        if (step.outcome.status != machine::Status::Running) break;
        if (calls.empty() || (step.next_due && *step.next_due <= 1'790'000'000'000'000)) {
            step = run.give(machine::TimerFired{});
            continue;
        }
        if (answers == half) {
            advancing += seconds_since(start);
            start = Clock::now();
            const machine::Frame copy = run.frame;
            const double copying = seconds_since(start);
            start = Clock::now();
            const std::string text = json::dump(run.frame.save());
            const double saving = seconds_since(start);
            start = Clock::now();
            const auto parsed =
                json::parse(text, {.max_bytes = 1 << 30, .max_depth = machine::kMaxFrameDepth});
            const auto loaded = machine::Frame::load(parsed.value());
            const double loading = seconds_since(start);
            std::printf("%-34s frame at half %9zu bytes: copy %.3f ms, save %.3f ms, load %.3f ms%s\n", name,
                        text.size(), copying * 1e3, saving * 1e3, loading * 1e3,
                        loaded.ok() ? "" : " FAILED");
            start = Clock::now();
        }
        const machine::TaskSucceeded event{calls.front(), answer};
        calls.pop_front();
        ++answers;
        step = run.give(event);
    }
    advancing += seconds_since(start);
    std::printf("%-34s %8.3f s of advance(), %.1f us an item\n", "", advancing,
                advancing * 1e6 / static_cast<double>(input.size()));
}

}  // namespace

int main(int argc, char** argv) {
    const int items = argc > 1 ? std::atoi(argv[1]) : 100'000;
    std::vector<json::Value> list;
    for (int i = 0; i < items; ++i)
        list.push_back(
            json::ObjectBuilder().add("order", json::Value::integer(i)).add("by", "somebody").build());
    const json::Value input = json::Value::array(std::move(list));
    std::printf("Map over %d items\n", items);
    passes(input);
    tasks("a Task each, 40 at a time", input, 40, "");
    tasks("the same, result discarded", input, 40, R"(, "ResultPath": null)");
    tasks("a Task each, all at a time", input, 0, "");
    return 0;
}
