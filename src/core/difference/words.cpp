// Implementation of words.hpp.
#include "core/difference/words.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace flowctl::difference {

namespace {

constexpr std::size_t kShownBytes = 60;
constexpr int kMaxDepth = 200;  // what lies deeper is compared as a whole

// Where a value stands. It lives on the stack of the recursion and becomes text only for a line that is kept.
struct Place {
    enum class Kind { Root, Member, Element, State };
    Kind kind = Kind::Root;
    std::string_view key = {};  // Member, State; of a Root: what its lines begin with
    std::size_t index = 0;      // Element
    const Place* parent = nullptr;

    std::string text() const {
        std::string state, path;
        append_to(state, path);
        return state + path + (path.empty() ? "" : " ");
    }

  private:
    // `path` is the way from the last state on.
    void append_to(std::string& state, std::string& path) const {
        if (parent != nullptr) parent->append_to(state, path);
        switch (kind) {
            case Kind::Root:
                state = key;
                break;
            case Kind::Member:
                path.append(path.empty() ? "" : ".").append(key);
                break;
            case Kind::Element:
                path.append("[").append(std::to_string(index)).append("]");
                break;
            case Kind::State:
                state.append(path).append(path.empty() ? "" : ": ").append("state ").append(key).append(": ");
                path.clear();
                break;
        }
    }
};

class Comparison {
  public:
    Comparison(std::vector<std::string>& lines, std::size_t most) : lines_(lines), most_(most) {}

    void compare(const json::Value& before, const json::Value& after, const Place& place, int depth) {
        if (json::equal(before, after)) return;
        if (depth < kMaxDepth && before.is_object() && after.is_object())
            members(before, after, place, depth, Place::Kind::Member);
        else if (depth < kMaxDepth && before.is_array() && after.is_array())
            elements(before, after, place, depth);
        else if (has_room())
            lines_.push_back(place.text() + shown(before) + " -> " + shown(after));
    }
    std::size_t left_out() const { return left_out_; }

  private:
    // For one more line; if there is none, the line is counted.
    bool has_room() {
        if (lines_.size() < most_) return true;
        left_out_++;
        return false;
    }

    void one_sided(const Place& place, const json::Value& value, const char* what) {
        if (!has_room()) return;
        lines_.push_back(place.text() + what);
        if (place.kind != Place::Kind::State) lines_.back() += ": " + shown(value);
    }

    void members(const json::Value& before, const json::Value& after, const Place& place, int depth,
                 Place::Kind kind) {
        for (const json::Member& member : after.members()) {
            const Place there{kind, member.key, 0, &place};
            const json::Value* old = before.find(member.key);
            const bool are_states = kind != Place::Kind::State && member.key == "States";
            if (old == nullptr)
                one_sided(there, member.value, "new");
            else if (are_states && old->is_object() && member.value.is_object())
                members(*old, member.value, place, depth + 1, Place::Kind::State);
            else
                compare(*old, member.value, there, depth + 1);
        }
        for (const json::Member& member : before.members())
            if (after.find(member.key) == nullptr)
                one_sided({kind, member.key, 0, &place}, member.value, "removed");
    }

    void elements(const json::Value& before, const json::Value& after, const Place& place, int depth) {
        const auto& old = before.items();
        const auto& now = after.items();
        for (std::size_t i = 0; i < std::max(old.size(), now.size()); i++) {
            const Place there{Place::Kind::Element, {}, i, &place};
            if (i >= old.size())
                one_sided(there, now[i], "new");
            else if (i >= now.size())
                one_sided(there, old[i], "removed");
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
    comparison.compare(before, after, {Place::Kind::Root, place}, 0);
    if (comparison.left_out() > 0)
        lines.push_back(std::string(place) + "and " + std::to_string(comparison.left_out()) + " more changes");
    return lines;
}

}  // namespace flowctl::difference
