// See approval_terms.hpp.
#include "core/approvals/approval_terms.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/schema/json_schema.hpp"

namespace flowctl::approval {

namespace {

constexpr std::string_view kGroup = "group:";

// A problem is thrown within this file, and parse_terms() returns it.
struct Wrong {
    std::string message;
};

[[noreturn]] void wrong(const std::string& member, const std::string& what) {
    throw Wrong{"Field '" + member + "' of the approval " + what};
}

std::string text_of(const json::Value& value, const std::string& member, std::size_t most) {
    if (!value.is_string()) wrong(member, "must be a string.");
    const std::string text(value.as_string());
    if (text.size() > most) wrong(member, "must not be longer than " + std::to_string(most) + " bytes.");
    return text;
}

std::int64_t count_of(const json::Value& value, const std::string& member, std::int64_t most) {
    const auto number = value.is_number() ? value.as_integer() : std::nullopt;
    if (!number || *number < 1 || *number > most)
        wrong(member, "must be an integer from 1 to " + std::to_string(most) + ".");
    return *number;
}

bool flag_of(const json::Value& value, const std::string& member) {
    if (!value.is_bool()) wrong(member, "must be true or false.");
    return value.as_bool();
}

Approver approver_of(const json::Value& value, const std::string& member) {
    const std::string text = text_of(value, member, 500);
    if (text.starts_with(kGroup)) {
        const std::string rest = text.substr(kGroup.size());
        const std::size_t slash = rest.find('/');
        if (slash == std::string::npos || slash == 0 || slash + 1 == rest.size())
            wrong(member, "has \"" + text + "\": a group is written as 'group:<issuer>/<group>'.");
        return {"", rest.substr(0, slash), rest.substr(slash + 1)};
    }
    if (text.empty()) wrong(member, "has an empty name.");
    return {text, "", ""};
}

std::vector<Approver> approvers_of(const json::Value& value, const std::string& member) {
    if (!value.is_array() || value.size() == 0) wrong(member, "must be an array of roles and groups.");
    if (value.size() > Terms::kMaxApprovers)
        wrong(member, "must not have more than " + std::to_string(Terms::kMaxApprovers) + " entries.");
    std::vector<Approver> approvers;
    for (const json::Value& one : value.items()) {
        Approver approver = approver_of(one, member);
        if (std::find(approvers.begin(), approvers.end(), approver) == approvers.end())
            approvers.push_back(std::move(approver));
    }
    return approvers;
}

// False: it is no member of a stage.
bool read_stage_member(Stage& stage, const json::Member& member, const std::string& name) {
    if (member.key == "Approvers")
        stage.approvers = approvers_of(member.value, name);
    else if (member.key == "Approve")
        stage.approve = count_of(member.value, name, Terms::kMostPeople);
    else if (member.key == "RemindEvery")
        stage.remind_every = count_of(member.value, name, Terms::kMostSeconds);
    else if (member.key == "EscalateAfter")
        stage.escalate_after = count_of(member.value, name, Terms::kMostSeconds);
    else if (member.key == "EscalateTo")
        stage.escalate_to = approvers_of(member.value, name);
    else
        return false;
    return true;
}

void check_stage(const Stage& stage, const std::string& prefix) {
    if (stage.approvers.empty()) wrong(prefix + "Approvers", "is missing: it names who may decide.");
    if (stage.escalate_after && stage.escalate_to.empty())
        wrong(prefix + "EscalateTo", "is missing: it names who may decide after EscalateAfter.");
    if (!stage.escalate_after && !stage.escalate_to.empty())
        wrong(prefix + "EscalateAfter", "is missing: it says after how many seconds EscalateTo may decide.");
}

Stage stage_of(const json::Value& value, std::size_t index) {
    const std::string prefix = "Stages[" + std::to_string(index) + "].";
    if (!value.is_object()) wrong("Stages", "must be an array of objects.");
    Stage stage;
    for (const json::Member& member : value.members())
        if (!read_stage_member(stage, member, prefix + std::string(member.key)))
            wrong(prefix + std::string(member.key), "is not known. A stage has Approvers, Approve, RemindEvery, "
                                                    "EscalateAfter and EscalateTo.");
    check_stage(stage, prefix);
    return stage;
}

void check_schema(const json::Value& schema) {
    const auto compiled = schema::Schema::compile(schema);
    if (!compiled.ok())
        wrong("Schema", "is no JSON Schema: " + (compiled.error().pointer.empty() ? "it" : compiled.error().pointer) +
                            " " + compiled.error().message + ".");
}

Terms terms_of(const json::Value& input) {
    if (!input.is_object()) throw Wrong{"The input of an approval must be an object."};
    Terms terms;
    Stage only;
    bool is_only = false, has_stages = false;
    for (const json::Member& member : input.members()) {
        const std::string name(member.key);
        if (name == "Title") {
            terms.title = text_of(member.value, name, Terms::kMaxTitleBytes);
        } else if (name == "Message") {
            terms.message = text_of(member.value, name, Terms::kMaxMessageBytes);
        } else if (name == "Deny") {
            terms.deny = count_of(member.value, name, Terms::kMostPeople);
        } else if (name == "Schema") {
            check_schema(member.value);
            terms.schema = member.value;
        } else if (name == "AllowStarter") {
            terms.allow_starter = flag_of(member.value, name);
        } else if (name == "AllowAuthor") {
            terms.allow_author = flag_of(member.value, name);
        } else if (name == "ReasonRequired") {
            terms.reason_required = flag_of(member.value, name);
        } else if (name == "ValidFor") {
            terms.valid_for = count_of(member.value, name, Terms::kMostSeconds);
        } else if (name == "Stages") {
            has_stages = true;
            if (!member.value.is_array() || member.value.size() == 0 || member.value.size() > Terms::kMaxStages)
                wrong(name, "must be an array of 1 to " + std::to_string(Terms::kMaxStages) + " stages.");
            for (const json::Value& stage : member.value.items())
                terms.stages.push_back(stage_of(stage, terms.stages.size()));
        } else if (read_stage_member(only, member, name)) {
            is_only = true;
        } else {
            wrong(name,
                  "is not known. An approval has Title, Message, Approvers, Approve, Deny, Schema, AllowStarter, "
                  "AllowAuthor, ReasonRequired, ValidFor, RemindEvery, EscalateAfter, EscalateTo and Stages.");
        }
    }
    if (terms.title.empty()) wrong("Title", "is missing: it says in a few words what is to be decided.");
    if (has_stages && is_only) wrong("Stages", "cannot stand beside members of a stage, such as Approvers.");
    if (!has_stages) {
        check_stage(only, "");
        terms.stages.push_back(std::move(only));
    }
    return terms;
}

}  // namespace

std::string Approver::text() const {
    return role.empty() ? std::string(kGroup) + issuer + "/" + group : role;
}

Result<Terms, std::string> parse_terms(const json::Value& input) {
    try {
        return terms_of(input);
    } catch (Wrong& problem) {
        return Err{std::move(problem.message)};
    }
}

bool is_valid(const Terms& terms, std::int64_t decided_at, std::int64_t now) {
    return !terms.valid_for || now < decided_at + *terms.valid_for * 1'000'000;
}

Tally tally(const Terms& terms, const std::vector<Counted>& decisions, std::int64_t now) {
    std::int64_t denials = 0;
    std::vector<std::int64_t> approvals(terms.stages.size());
    for (const Counted& one : decisions) {
        if (!is_valid(terms, one.at, now)) continue;
        if (!one.approved)
            denials++;
        else if (one.stage < approvals.size())
            approvals[one.stage]++;
    }
    Tally tally;
    tally.denied = denials >= terms.deny;
    while (tally.stage < terms.stages.size() && approvals[tally.stage] >= terms.stages[tally.stage].approve)
        tally.stage++;
    return tally;
}

}  // namespace flowctl::approval
