// Paths, templates, retriers and catchers of a definition; see parts.hpp.
#include "core/asl/parts.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"

namespace flowctl::asl {

namespace {

// Fail's ErrorPath and CausePath take only functions whose result is a string.
bool is_string_function(std::string_view text) {
    constexpr std::array<std::string_view, 7> kFunctions = {
        "States.Format(",       "States.JsonToString(", "States.ArrayGetItem(", "States.Base64Encode(",
        "States.Base64Decode(", "States.Hash(",         "States.UUID("};
    return std::any_of(kFunctions.begin(), kFunctions.end(),
                       [&](std::string_view f) { return text.substr(0, f.size()) == f; });
}

std::string last_token(std::string_view pointer) {
    std::string token;
    const std::string_view raw = pointer.substr(std::min(pointer.rfind('/') + 1, pointer.size()));
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '~' && i + 1 < raw.size()) {
            token += raw[++i] == '1' ? '/' : '~';
        } else {
            token += raw[i];
        }
    }
    return token;
}

std::optional<path::Template> compile_template(const json::Value& value, const Where& where,
                                               Findings& findings) {
    auto compiled = path::Template::compile(value);
    if (compiled.ok()) return std::move(compiled).value();
    for (const path::Template::Problem& problem : compiled.error()) {
        // AWS's text names the object and the field in it.
        const std::string_view parent =
            std::string_view(problem.pointer).substr(0, problem.pointer.rfind('/'));
        std::string message = "The value for the field '" + last_token(problem.pointer) +
                              "' must be a valid JSONPath or a valid intrinsic function call";
        if (!problem.message.empty()) message += ": " + problem.message;
        findings.error_at(where.pointer().append(problem.pointer.empty() ? "" : parent), std::move(message));
    }
    return std::nullopt;
}

// A variable's name has letters, digits and underscores and does not begin with a digit. Every character
// beyond ASCII counts as a letter.
bool is_variable_name(std::string_view name) {
    if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               static_cast<unsigned char>(c) >= 0x80;
    });
}

std::vector<std::string> read_error_equals(Fields& fields, bool is_last) {
    std::vector<std::string> names;
    const json::Value* list = fields.array("ErrorEquals");
    if (list == nullptr) return names;
    const Where where = fields.at("ErrorEquals");
    if (list->items().empty()) fields.findings().error(where, "Value cannot be empty");
    bool all = false;
    for (std::size_t i = 0; i < list->items().size(); ++i) {
        const json::Value& item = list->items()[i];
        if (!item.is_string()) {
            fields.findings().error(Where(where, i), "Expected value of type String");
            continue;
        }
        names.emplace_back(item.as_string());
        if (names.back() == "States.ALL") all = true;
    }
    if (all && (names.size() > 1 || !is_last))
        fields.findings().error(where, "States.ALL must appear alone and at end of list");
    return names;
}

Retrier read_retrier(Fields& fields, bool is_last) {
    Retrier retrier;
    fields.require({"ErrorEquals"});
    retrier.error_equals = read_error_equals(fields, is_last);
    retrier.interval_seconds = fields.integer("IntervalSeconds", 1, kMostSeconds).value_or(1);
    retrier.max_attempts = fields.integer("MaxAttempts", 0, kMostSeconds).value_or(3);
    retrier.backoff_rate = fields.number("BackoffRate", 1.0).value_or(2.0);
    retrier.max_delay_seconds = fields.integer("MaxDelaySeconds", 1, 31'622'400);
    if (retrier.max_delay_seconds && *retrier.max_delay_seconds <= retrier.interval_seconds)
        fields.findings().error(fields.at("MaxDelaySeconds"),
                                "MaxDelaySeconds must be greater than IntervalSeconds");
    if (const auto jitter = fields.string("JitterStrategy")) {
        if (*jitter != "FULL" && *jitter != "NONE")
            fields.findings().error(fields.at("JitterStrategy"),
                                    "Value should be one of the following: [NONE, FULL]");
        retrier.full_jitter = *jitter == "FULL";
    }
    fields.string("Comment");
    fields.refuse_others();
    return retrier;
}

Catcher read_catcher(Fields& fields, const Targets& targets, bool is_last) {
    Catcher catcher;
    fields.require({"ErrorEquals", "Next"});
    catcher.error_equals = read_error_equals(fields, is_last);
    if (const auto next = fields.string("Next")) catcher.next = target(targets, *next);
    if (fields.language() == QueryLanguage::Jsonata) {
        catcher.exit = read_exit(fields, kErrorPlace);
    } else {
        catcher.result_path = read_result_place(fields);
        catcher.assign = read_assign(fields);
    }
    fields.string("Comment");
    fields.refuse_others();
    return catcher;
}

}  // namespace

StateIndex target(const Targets& targets, std::string_view name) {
    const auto found = targets.find(name);
    return found == targets.end() ? kEnd : found->second;
}

std::optional<path::Expression> read_path(Fields& fields, std::string_view name, PathRule rule) {
    const auto text = fields.string(name);
    if (!text) return std::nullopt;
    const bool is_function = rule == PathRule::ReferenceOrIntrinsic && is_string_function(*text);
    auto compiled = path::Expression::compile(
        *text, is_function ? path::Expression::Allow::PathsAndIntrinsics : path::Expression::Allow::Paths);
    const bool reference = rule != PathRule::Any && !is_function;
    if (!compiled.ok()) {
        std::string message;
        if (rule == PathRule::ReferenceOrIntrinsic) {
            message = "Value must be a Reference Path or an intrinsic function that returns a string";
        } else {
            message = reference ? "Value is not a Reference Path" : "Value is not a valid JSONPath";
        }
        if (!compiled.error().message.empty()) message += ": " + compiled.error().message;
        fields.findings().error(fields.at(name), std::move(message));
        return std::nullopt;
    }
    if (reference && !compiled.value().is_reference()) {
        fields.findings().error(fields.at(name), "Value is not a Reference Path");
        return std::nullopt;
    }
    return std::move(compiled).value();
}

Selection read_selection(Fields& fields, std::string_view name) {
    Selection selection;
    const json::Value* value = fields.any(name);
    if (value == nullptr) return selection;
    if (value->is_null()) {
        selection.kind = Selection::Kind::Nothing;
        return selection;
    }
    if (value->is_string() && value->as_string() == "$") return selection;
    selection.path = read_path(fields, name, PathRule::Any);
    if (selection.path) selection.kind = Selection::Kind::Path;
    return selection;
}

ResultPlace read_result_place(Fields& fields) {
    ResultPlace place;
    const json::Value* value = fields.any("ResultPath");
    if (value == nullptr) return place;
    if (value->is_null()) {
        place.kind = ResultPlace::Kind::Discard;
        return place;
    }
    const auto text = fields.string("ResultPath");
    if (!text || *text == "$") return place;
    auto compiled = path::ReferencePath::compile(*text);
    if (!compiled.ok()) {
        std::string message = "Value is not a Reference Path";
        if (!compiled.error().message.empty()) message += ": " + compiled.error().message;
        fields.findings().error(fields.at("ResultPath"), std::move(message));
        return place;
    }
    place.kind = ResultPlace::Kind::Insert;
    place.path = std::move(compiled).value();
    return place;
}

std::optional<path::Template> read_template(Fields& fields, std::string_view name, bool objects_only) {
    const json::Value* value = objects_only ? fields.object(name) : fields.any(name);
    if (value == nullptr) return std::nullopt;
    return compile_template(*value, fields.at(name), fields.findings());
}

void check_variable_name(std::string_view name, const Where& where, Findings& findings) {
    if (!is_variable_name(name)) {
        findings.error(where, "The variable name '" + std::string(name) + "' is not a valid identifier");
    } else if (count_characters(name) > 80) {
        findings.error(where, "A variable name must be at most 80 characters long");
    } else if (name == "states") {
        findings.error(where, "The variable name 'states' is reserved");
    }
}

std::optional<path::Template> read_assign(Fields& fields) {
    const json::Value* value = fields.object("Assign");
    if (value == nullptr) return std::nullopt;
    const Where where = fields.at("Assign");
    for (const json::Member& member : value->members()) {
        std::string_view name = member.key;
        if (name.size() > 2 && name.substr(name.size() - 2) == ".$") name.remove_suffix(2);
        check_variable_name(name, Where(where, member.key), fields.findings());
        if (name.size() != member.key.size() && value->find(name) != nullptr)
            fields.findings().error(Where(where, member.key),
                                    "The variable '" + std::string(name) + "' is assigned twice");
    }
    return compile_template(*value, where, fields.findings());
}

Seconds read_seconds(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least) {
    Seconds seconds;
    seconds.query = read_expression(fields, name);
    if (!seconds.query) seconds.literal = fields.integer(name, least, kMostSeconds);
    if (fields.language() == QueryLanguage::JsonPath)
        seconds.path = read_path(fields, path_name, PathRule::Reference);
    return seconds;
}

std::vector<Retrier> read_retry(Fields& fields) {
    std::vector<Retrier> retry;
    read_objects(fields, "Retry",
                 [&](Fields& item, bool is_last) { retry.push_back(read_retrier(item, is_last)); });
    return retry;
}

std::vector<Catcher> read_catch(Fields& fields, const Targets& targets) {
    std::vector<Catcher> catchers;
    read_objects(fields, "Catch", [&](Fields& item, bool is_last) {
        catchers.push_back(read_catcher(item, targets, is_last));
    });
    return catchers;
}

}  // namespace flowctl::asl
