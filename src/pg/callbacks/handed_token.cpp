// See handed_token.hpp.
#include "pg/callbacks/handed_token.hpp"

#include <stdexcept>
#include <string_view>
#include <utility>

#include "pg/callbacks/token_keys.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kUuidText = 36;

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
    return text;
}

// Neither token nor marker has a character that JSON text writes in another way.
json::Value replaced_in(const json::Value& value, std::string_view what, std::string_view by) {
    std::string text = json::dump(value);
    if (text.find(what) == text.npos) return value;
    text = replaced(std::move(text), what, by);
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    limits.max_depth = machine::kMaxFrameDepth;
    auto parsed = json::parse(text, limits);
    return parsed ? std::move(parsed).value() : json::Value::string(std::string(machine::kTokenMarker));
}

}  // namespace

json::Value HandedToken::with_token(const json::Value& value) const {
    return replaced_in(value, marker, token);
}

std::string HandedToken::with_marker(std::string text) const {
    return replaced(std::move(text), token, marker);
}

machine::Event HandedToken::with_marker(machine::Event event) const {
    if (auto* succeeded = std::get_if<machine::TaskSucceeded>(&event)) {
        succeeded->output = replaced_in(succeeded->output, token, marker);
    } else if (auto* continues = std::get_if<machine::TaskContinues>(&event)) {
        continues->output = replaced_in(continues->output, token, marker);
        continues->follow = replaced_in(continues->follow, token, marker);
    } else if (auto* failed = std::get_if<machine::TaskFailed>(&event)) {
        failed->error = with_marker(std::move(failed->error));
        failed->cause = with_marker(std::move(failed->cause));
    }
    return event;
}

HandedToken token_of_call(const Uuid& run, const std::string& place) {
    const std::string id = to_string(run);
    return {id + " " + place, TaskTokensOfRun(run).token(place), "<token of " + id + ">"};
}

HandedToken token_of_key(const std::string& key) {
    if (key.size() <= kUuidText) throw std::runtime_error("the token that a run was handed is not known");
    return token_of_call(uuid_from_text(key.substr(0, kUuidText)), key.substr(kUuidText + 1));
}

}  // namespace flowctl::pg
