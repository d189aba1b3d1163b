// Masking of tokens; see task_token.hpp.
//
// The marker begins and ends with characters that it has nowhere else, and no token has them. So markers in a
// text never overlap, neither with each other nor with a token, and masking makes no marker but those that it
// counts. The recursion is as deep as a payload may be.
#include "core/machine/task_token.hpp"

#include <algorithm>
#include <set>

#include "core/text/digest.hpp"

namespace flowctl::machine {

namespace {

constexpr std::size_t kPlaceDigits = 32;

// Writes a payload anew, text by text. A payload whose texts all stay the same is not copied.
template <class Rewrite>
class Rewriter {
  public:
    explicit Rewriter(Rewrite rewrite) : rewrite_(rewrite) {}

    json::Value value(const json::Value& value) {
        if (value.is_string()) {
            std::optional<std::string> text = rewrite_(value.as_string());
            return text ? json::Value::string(*text) : value;
        }
        if (value.is_array()) return array(value);
        return value.is_object() ? object(value) : value;
    }
    bool names_are_unique() const { return unique_; }

  private:
    json::Value array(const json::Value& value) {
        std::vector<json::Value> items;
        items.reserve(value.size());
        bool same = true;
        for (const json::Value& item : value.items()) {
            items.push_back(this->value(item));
            same = same && items.back().same(item);
        }
        return same ? value : json::Value::array(std::move(items));
    }
    json::Value object(const json::Value& value) {
        std::vector<json::Member> members;
        members.reserve(value.size());
        bool same = true;
        bool renamed = false;
        for (const json::Member& member : value.members()) {
            std::optional<std::string> key = rewrite_(member.key);
            renamed = renamed || key.has_value();
            members.push_back({key ? *std::move(key) : member.key, this->value(member.value)});
            same = same && members.back().value.same(member.value);
        }
        if (renamed && !are_unique(members)) {
            unique_ = false;
            return value;
        }
        return same && !renamed ? value : json::Value::object(std::move(members));
    }
    static bool are_unique(const std::vector<json::Member>& members) {
        std::set<std::string_view> names;
        return std::all_of(members.begin(), members.end(),
                           [&names](const json::Member& member) { return names.insert(member.key).second; });
    }

    Rewrite rewrite_;
    bool unique_ = true;
};

}  // namespace

std::string place_of_attempt(std::string_view path, std::string_view state, int visit, int attempt,
                             int redrive_count) {
    // Lengths in front of the texts keep two places from having one text.
    std::string place = std::to_string(path.size());
    place.append(":").append(path);
    place.append(std::to_string(state.size())).append(":").append(state);
    place.append(":").append(std::to_string(visit));
    place.append(":").append(std::to_string(attempt));
    place.append(":").append(std::to_string(redrive_count));
    return text::sha256_hex(place).substr(0, kPlaceDigits);
}

std::optional<json::Value> mask_token(const json::Value& value, std::string_view token, Markers& markers) {
    markers = Markers{};
    if (token.empty()) return value;
    std::int64_t seen = 0;
    Rewriter rewriter([&](std::string_view text) -> std::optional<std::string> {
        std::optional<std::string> out;
        std::size_t literal = text.find(kTokenMarker);
        for (std::size_t at = 0;;) {
            const std::size_t real = text.find(token, at);
            for (; literal < real; literal = text.find(kTokenMarker, literal + kTokenMarker.size()))
                markers.literal.push_back(seen++);
            if (real == std::string_view::npos) {
                if (out) out->append(text.substr(at));
                return out;
            }
            if (!out) out.emplace();
            out->append(text.substr(at, real - at)).append(kTokenMarker);
            markers.any = true;
            ++seen;
            at = real + token.size();
        }
    });
    json::Value masked = rewriter.value(value);
    if (!rewriter.names_are_unique()) return std::nullopt;
    if (!markers.any) markers.literal.clear();
    return masked;
}

std::string mask_token(std::string text, std::string_view token) {
    if (token.empty()) return text;
    for (std::size_t at = text.find(token); at != std::string::npos;
         at = text.find(token, at + kTokenMarker.size()))
        text.replace(at, token.size(), kTokenMarker);
    return text;
}

json::Value unmask_token(const json::Value& masked, std::string_view token, const Markers& markers) {
    if (!markers.any) return masked;
    std::int64_t seen = 0;
    auto literal = markers.literal.begin();
    Rewriter rewriter([&](std::string_view text) -> std::optional<std::string> {
        std::optional<std::string> out;
        for (std::size_t at = 0;;) {
            const std::size_t marker = text.find(kTokenMarker, at);
            if (marker == std::string_view::npos) {
                if (out) out->append(text.substr(at));
                return out;
            }
            const bool is_literal = literal != markers.literal.end() && *literal == seen;
            if (is_literal) ++literal;
            ++seen;
            if (!out) out.emplace();
            out->append(text.substr(at, marker - at)).append(is_literal ? kTokenMarker : token);
            at = marker + kTokenMarker.size();
        }
    });
    return rewriter.value(masked);
}

}  // namespace flowctl::machine
