// Parameters of Tasks that wait for events, when they run and when their flow is defined. See event_task.hpp.
#include "pg/events/event_task.hpp"

#include <algorithm>

#include "core/asl/resource.hpp"
#include "core/asl/timestamp.hpp"
#include "core/asl/walk.hpp"
#include "pg/events/event_performer.hpp"
#include "pg/events/rule_options.hpp"
#include "pg/flow_options/flow_expression.hpp"

namespace flowctl::pg::event_tasks {

namespace {

constexpr std::size_t kMaxSubjectBytes = 1'024;
constexpr std::size_t kMostTypes = 200;

std::optional<Uuid> uuid_in(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid id{};
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') return std::nullopt;
            continue;
        }
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0) return std::nullopt;
        id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4 | value);
        digits++;
    }
    return id;
}

bool is_expression(const json::Value& value) {
    return value.is_string() && value.as_string().starts_with("{%");
}

}  // namespace

Result<Parameters, std::string> read(const json::Value& input) {
    if (!input.is_object()) return Err(std::string("the parameters are no object with Type"));
    Parameters read;
    for (const json::Member& member : input.members()) {
        const json::Value& value = member.value;
        const bool known = member.key == "Type" || member.key == "Subject" || member.key == "Match" || member.key == "Since";
        if (!known) return Err("there is no parameter " + member.key + "; there are Type, Subject, Match, Since");
        if (value.is_null() && member.key != "Type") continue;
        if (!value.is_string()) return Err("parameter " + member.key + " is no string");
        const std::string_view given = value.as_string();
        if (member.key == "Type") {
            if (!events::is_type(given)) return Err(std::string("parameter Type is no type of events, such as order.paid"));
            read.type = given;
        } else if (member.key == "Subject") {
            if (given.empty() || given.size() > kMaxSubjectBytes)
                return Err(std::string("parameter Subject has not 1 to 1024 bytes"));
            read.subject = given;
        } else if (member.key == "Match") {
            const auto compiled = FlowExpression::compile(given);
            if (!compiled) return Err("parameter Match: " + compiled.error());
            read.match = given;
        } else if (const auto time = asl::parse_timestamp(given)) {
            read.since = time->micros();
        } else if (const auto event = uuid_in(given)) {
            read.since_event = event;
        } else {
            return Err(std::string("parameter Since is neither a time of RFC 3339 nor the sequence of an event"));
        }
    }
    if (read.type.empty()) return Err(std::string("parameter Type is missing"));
    return read;
}

bool carries_out(const asl::Resource& resource) {
    return resource.kind == asl::Resource::Kind::Event;
}

// What an expression gives is checked when the Task runs.
std::vector<pg::Objection> check_definition(const asl::Resource&, const DefinedTask& task) {
    if (task.is_open) return {};
    std::vector<json::Member> members;
    for (const json::Member& member : task.input.members())
        if (!task.open_members.contains(member.key)) members.push_back(member);
    if (task.open_members.contains("Type"))
        members.push_back({"Type", json::Value::string("unknown")});
    for (const std::string& open : task.open_members)
        if (open != "Type" && open != "Subject" && open != "Match" && open != "Since")
            members.push_back({open, json::Value()});
    const auto parameters = read(json::Value::object(std::move(members)));
    if (parameters) return {};
    return {{kBadEvent, "Task \"" + task.state + "\" cannot wait for an event: " + parameters.error()}};
}

std::vector<std::string> awaited_types(std::string_view definition) {
    std::vector<std::string> types;
    const auto parsed = json::parse(definition);
    if (!parsed) return types;
    asl::for_every_state(*parsed, asl::Where(), [&](const json::Member& state, const asl::Where&) {
        const auto text = asl::task_resource(state.value);
        if (!text || *text != "flowctl:event") return;
        const json::Value* input = state.value.find("Parameters");
        if (input == nullptr) input = state.value.find("Arguments");
        const json::Value* type = input != nullptr ? input->find("Type") : nullptr;
        const bool is_known = type != nullptr && type->is_string() && !is_expression(*type) && events::is_type(type->as_string());
        types.emplace_back(is_known ? type->as_string() : "*");
    });
    std::sort(types.begin(), types.end());
    types.erase(std::unique(types.begin(), types.end()), types.end());
    if (types.size() > kMostTypes) types = {"*"};
    return types;
}

}  // namespace flowctl::pg::event_tasks
