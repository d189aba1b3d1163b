// Implementation of words.hpp.
#include "core/difference/words.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace flowctl::difference {

namespace {

constexpr std::size_t kShownBytes = 60;
constexpr int kMaxDepth = 200;  // what lies deeper is compared as a whole

// Where a value stands: `state` ends with ": " or is empty, `path` is the way from there.
struct Place {
    std::string state;
    std::string path;

    Place member(std::string_view key) const {
        return {state, path.empty() ? std::string(key) : path + "." + std::string(key)};
    }
    Place element(std::size_t index) const { return {state, path + "[" + std::to_string(index) + "]"}; }
    // A state within this place.
    Place inner_state(std::string_view name) const {
        return {state + (path.empty() ? "" : path + ": ") + "state " + std::string(name) + ": ", ""};
    }
    std::string text() const { return state + path + (path.empty() ? "" : " "); }
};

class Comparison {
  public:
    Comparison(std::vector<std::string>& lines, std::size_t most) : lines_(lines), most_(most) {}

    void compare(const json::Value& before, const json::Value& after, const Place& place, int depth) {
        if (json::equal(before, after)) return;
        if (depth < kMaxDepth && before.is_object() && after.is_object())
            members(before, after, place, depth, false);
        else if (depth < kMaxDepth && before.is_array() && after.is_array())
            elements(before, after, place, depth);
        else
            add(place.text() + shown(before) + " -> " + shown(after));
    }
    std::size_t left_out() const { return left_out_; }

  private:
    void add(std::string line) {
        if (lines_.size() < most_)
            lines_.push_back(std::move(line));
        else
            left_out_++;
    }

    static Place place_of(const Place& place, std::string_view key, bool are_states) {
        return are_states ? place.inner_state(key) : place.member(key);
    }

    void one_sided(const Place& place, const json::Value& value, const char* what, bool is_state) {
        if (is_state)
            add(place.state + what);
        else
            add(place.text() + what + ": " + shown(value));
    }

    void members(const json::Value& before, const json::Value& after, const Place& place, int depth, bool are_states) {
        for (const json::Member& member : after.members()) {
            const Place there = place_of(place, member.key, are_states);
            const json::Value* old = before.find(member.key);
            if (old == nullptr)
                one_sided(there, member.value, "new", are_states);
            else if (!are_states && member.key == "States" && old->is_object() && member.value.is_object())
                members(*old, member.value, place, depth + 1, true);
            else
                compare(*old, member.value, there, depth + 1);
        }
        for (const json::Member& member : before.members())
            if (after.find(member.key) == nullptr)
                one_sided(place_of(place, member.key, are_states), member.value, "removed", are_states);
    }

    void elements(const json::Value& before, const json::Value& after, const Place& place, int depth) {
        const auto& old = before.items();
        const auto& now = after.items();
        for (std::size_t i = 0; i < std::max(old.size(), now.size()); i++) {
            const Place there = place.element(i);
            if (i >= old.size())
                one_sided(there, now[i], "new", false);
            else if (i >= now.size())
                one_sided(there, old[i], "removed", false);
            else
                compare(old[i], now[i], there, depth + 1);
        }
    }

    std::vector<std::string>& lines_;
    std::size_t most_;
    std::size_t left_out_ = 0;
};

}  // namespace

std::string shown(const json::Value& value) {
    std::string text = json::dump(value);
    if (text.size() <= kShownBytes) return text;
    std::size_t end = kShownBytes;
    while (end > 0 && is_continuation(text[end]))
        end--;
    return text.substr(0, end) + "...";
}

std::vector<std::string> words(const json::Value& before, const json::Value& after, std::string_view place,
                               std::size_t most) {
    std::vector<std::string> lines;
    Comparison comparison(lines, most);
    comparison.compare(before, after, {std::string(place), ""}, 0);
    if (comparison.left_out() > 0)
        lines.push_back(std::string(place) + "and " + std::to_string(comparison.left_out()) + " more changes");
    return lines;
}

}  // namespace flowctl::difference
