// Functions that search a text for a string, a regular expression, or the matches of a user's matcher.
//
// A matcher is any function that returns {match, start, end, groups, next}. A regular expression is called
// directly where nobody can see the difference, so that finding all matches is linear in the text.
#include <charconv>
#include <cmath>
#include <limits>

#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"
#include "core/jsonata/text.hpp"
#include "core/text/find.hpp"

namespace flowctl::jsonata {
namespace {

// One match: its bounds in bytes, and its parts.
struct Found {
    std::size_t start = 0;
    std::size_t end = 0;
    Value match;
    Value index;  // in UTF-16 units
    Value groups;
};

// The byte offset of a position that is given in UTF-16 units.
std::size_t byte_offset(std::string_view text, double units) {
    std::size_t at = 0;
    for (double passed = 0; at < text.size() && passed < units;) {
        const std::size_t width = width_of(text[at]);
        passed += width == 4 ? 2 : 1;
        at += width;
    }
    return std::min(at, text.size());
}

// The matches of a matcher in a text, one after another.
class Matches {
  public:
    Matches(const Call& call, const Value& text, Function* matcher)
        : evaluation_(call.evaluation), value_(text), text_(text.string()), matcher_(matcher) {}

    bool next(Found& found) {
        return matcher_->kind == Function::Kind::Regex ? next_of_regex(found) : next_of_function(found);
    }

  private:
    bool next_of_regex(Found& found) {
        if (!first_ && at_ >= text_.size()) return false;
        const Regex& regex = *matcher_->node->more->regex;
        Match match;
        if (!regex.find(text_, at_, evaluation_.budget, match)) return false;
        if (!first_ && match.start() == match.end()) {
            throw Raised{
                .code = "D1004", .position = matcher_->node->position, .value = quoted(regex.pattern())};
        }
        first_ = false;
        const auto part = [&](std::size_t from, std::size_t to) {
            return evaluation_.text(text_.substr(from, to - from));
        };
        evaluation_.budget.text(match.end() - at_);
        units_ += utf16_length(text_.substr(at_, match.start() - at_));
        found.start = match.start();
        found.end = match.end();
        found.match = part(match.start(), match.end());
        found.index = Value::of_number(static_cast<double>(units_));
        List* groups = evaluation_.list();
        for (std::size_t i = 1; i <= match.groups(); ++i) {
            const std::size_t from = match.bounds[2 * i];
            const std::size_t to = match.bounds[2 * i + 1];
            groups->push(evaluation_.arena,
                         from == Match::kNone || to == Match::kNone ? Value() : part(from, to));
        }
        found.groups = Value::of_list(groups);
        units_ += utf16_length(text_.substr(match.start(), match.end() - match.start()));
        at_ = match.end();
        return true;
    }

    bool next_of_function(Found& found) {
        Value result;
        if (first_) {
            result = evaluation_.call_back(matcher_, {value_});
        } else {
            if (!next_.is_function()) return false;
            result = evaluation_.call_back(next_.function, {});
        }
        first_ = false;
        evaluation_.budget.step(text_.size() / 64 + 1);
        if (result.is_undefined()) return false;
        const Value start = evaluation_.field(result, "start");
        const Value end = evaluation_.field(result, "end");
        const Value match = evaluation_.field(result, "match");
        next_ = evaluation_.field(result, "next");
        found.groups = evaluation_.field(result, "groups");
        if (!result.is_object() || !start.is_number() || !end.is_number() || !match.is_string() ||
            !found.groups.is_array() || !(next_.is_function() || next_.is_undefined())) {
            throw Raised{.code = "T1010"};
        }
        found.match = match;
        found.index = start;
        found.start = byte_offset(text_, start.number());
        found.end = byte_offset(text_, end.number());
        return true;
    }

    Evaluation& evaluation_;
    Value value_;
    std::string_view text_;
    Function* matcher_;
    Value next_;
    bool first_ = true;
    std::size_t at_ = 0;
    std::size_t units_ = 0;  // the position at_ in UTF-16 units
};

// The limit argument of a call, or infinity if there is none.
double limit_of(const Call& call, std::size_t i, const char* code) {
    if (!call.has(i)) return std::numeric_limits<double>::infinity();
    const double limit = call.at(i).number();
    if (limit < 0) throw Raised{.code = code, .value = brief_json(call.at(i)), .index = i + 1};
    return limit;
}

Value match(const Call& call) {
    if (!call.has(0)) return {};
    const double limit = limit_of(call, 2, "D3040");
    List* result = call.evaluation.sequence();
    if (!(limit > 0)) return Value::of_list(result);
    Arena& arena = call.evaluation.arena;
    Matches matches(call, call.at(0), call.function(1));
    Found found;
    for (double count = 0; matches.next(found) && count < limit; ++count) {
        auto* one = arena.make<Object>();
        one->set(arena, "match", found.match);
        one->set(arena, "index", found.index);
        one->set(arena, "groups", found.groups);
        result->push(arena, Value::of_object(one));
    }
    return Value::of_list(result);
}

Value contains(const Call& call) {
    if (!call.has(0) || !call.has(1)) return {};
    const std::string_view text = call.at(0).string();
    if (call.at(1).is_string()) {
        return Value::of_bool(text::find(text, call.at(1).string(), 0, call.evaluation.budget) !=
                              std::string_view::npos);
    }
    Matches matches(call, call.at(0), call.function(1));
    Found found;
    return Value::of_bool(matches.next(found));
}

// The replacement for a match: $0 stands for the whole match, $1 and so on for its groups, $$ for a dollar.
std::string substitute(std::string_view pattern, const Found& found) {
    const Items groups(found.groups);
    std::string out;
    std::size_t at = 0;
    for (;;) {
        const std::size_t dollar = pattern.find('$', at);
        out += pattern.substr(at, dollar - at);
        if (dollar == std::string_view::npos) return out;
        at = dollar + 1;
        const char next = at < pattern.size() ? pattern[at] : '\0';
        if (next == '$') {
            out.push_back('$');
            ++at;
            continue;
        }
        if (next == '0') {
            out += found.match.string();
            ++at;
            continue;
        }
        // A group number has as many digits as the number of groups, or one less if there is no such group.
        std::size_t most = 1;
        for (std::size_t n = groups.size(); n >= 10; n /= 10)
            ++most;
        const auto number = [&](std::size_t digits, std::size_t& value) {
            std::size_t used = 0;
            value = 0;
            while (used < digits && at + used < pattern.size() && pattern[at + used] >= '0' &&
                   pattern[at + used] <= '9') {
                value = value * 10 + static_cast<std::size_t>(pattern[at + used] - '0');
                ++used;
            }
            return used;
        };
        std::size_t index = 0;
        std::size_t used = number(most, index);
        if (most > 1 && index > groups.size()) used = number(most - 1, index);
        if (used == 0) {
            out.push_back('$');
            continue;
        }
        if (index >= 1 && index <= groups.size() && groups[index - 1].is_string()) {
            out += groups[index - 1].string();
        }
        at += std::to_string(index).size();
    }
}

Value replace(const Call& call) {
    if (!call.has(0)) return {};
    const Value& subject = call.at(0);
    const std::string_view text = subject.string();
    const Value pattern = call.at(1);
    if (pattern.is_string() && pattern.string().empty()) {
        throw Raised{.code = "D3010", .value = "\"\"", .index = 2};
    }
    const double limit = limit_of(call, 3, "D3011");
    if (!(limit > 0) || pattern.is_undefined()) return subject;
    Budget& budget = call.evaluation.budget;
    const Value replacement = call.at(2);
    std::string out;
    std::size_t charged = 0;
    const auto charge = [&] {
        budget.step();
        budget.bytes(out.size() - charged);
        charged = out.size();
    };
    std::size_t at = 0;
    if (pattern.is_string()) {
        const std::string_view wanted = pattern.string();
        if (replacement.is_function()) throw Raised{.code = "D3012"};
        const std::string_view with =
            replacement.is_string() ? replacement.string() : std::string_view("undefined");
        for (double count = 0; count < limit; ++count) {
            const std::size_t found = text::find(text, wanted, at, budget);
            if (found == std::string_view::npos) break;
            out += text.substr(at, found - at);
            out += with;
            at = found + wanted.size();
            charge();
        }
    } else {
        Matches matches(call, subject, pattern.function);
        Found found;
        for (double count = 0; count < limit && matches.next(found); ++count) {
            if (found.start > at) out += text.substr(at, found.start - at);
            if (replacement.is_string()) {
                budget.step(1 + replacement.string().size() / 16);
                out += substitute(replacement.string(), found);
            } else {
                Value with;
                if (replacement.is_function()) {
                    Arena& arena = call.evaluation.arena;
                    auto* one = arena.make<Object>();
                    one->set(arena, "match", found.match);
                    one->set(arena, "start", found.index);
                    one->set(arena, "end",
                             Value::of_number(found.index.number() +
                                              static_cast<double>(utf16_length(found.match.string()))));
                    one->set(arena, "groups", found.groups);
                    with = call.evaluation.call_back(replacement.function, {Value::of_object(one)});
                }
                if (!with.is_string()) throw Raised{.code = "D3012", .value = brief_json(with)};
                out += with.string();
            }
            at = std::min(found.start + found.match.string().size(), text.size());
            charge();
        }
    }
    out += text.substr(at);
    charge();
    return call.evaluation.text(out);
}

Value split(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    const double limit = limit_of(call, 2, "D3020");
    const double most = call.has(2) ? std::trunc(limit) : limit;
    Evaluation& evaluation = call.evaluation;
    List* result = evaluation.list();
    const auto full = [&] { return !(static_cast<double>(result->size) < most); };
    const auto push = [&](std::string_view part) {
        evaluation.budget.step();
        if (!full()) result->push(evaluation.arena, evaluation.text(part));
    };
    const Value separator = call.at(1);
    if (separator.is_function()) {
        if (!(limit > 0)) return Value::of_list(result);
        Matches matches(call, call.at(0), separator.function);
        Found found;
        std::size_t start = 0;
        double count = 0;
        while (count < limit && matches.next(found)) {
            result->push(evaluation.arena,
                         evaluation.text(text.substr(start, std::max(found.start, start) - start)));
            start = found.end;
            ++count;
        }
        if (count < limit) result->push(evaluation.arena, evaluation.text(text.substr(start)));
        return Value::of_list(result);
    }
    if (separator.is_undefined()) {
        push(text);
        return Value::of_list(result);
    }
    const std::string_view between = separator.string();
    if (between.empty()) {
        for (std::size_t at = 0; at < text.size() && !full();) {
            const std::size_t width = width_of(text[at]);
            push(text.substr(at, width));
            at += width;
        }
        return Value::of_list(result);
    }
    std::size_t at = 0;
    while (!full()) {
        const std::size_t found = text::find(text, between, at, evaluation.budget);
        push(text.substr(at, found - at));
        if (found == std::string_view::npos) break;
        at = found + between.size();
    }
    return Value::of_list(result);
}

constexpr LibraryRow kRows[] = {
    {"match", "<s-f<s:o>n?:a<o>>", 3, 3, match},
    {"contains", "<s-(sf):b>", 2, 2, contains},
    {"replace", "<s-(sf)(sf)n?:s>", 4, 4, replace},
    {"split", "<s-(sf)n?:a<s>>", 3, 3, split},
};

}  // namespace

std::span<const LibraryRow> matching_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
