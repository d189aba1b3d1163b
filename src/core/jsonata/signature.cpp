// Parses signatures and matches arguments with them.
#include "core/jsonata/signature.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include "core/jsonata/error.hpp"
#include "core/jsonata/serialise.hpp"

namespace flowctl::jsonata {
namespace {

using Parameter = Signature::Parameter;
using Times = Signature::Times;

constexpr std::string_view kAny = "asnblfom";

char letter_of(const Value& value) noexcept {
    constexpr char kLetters[] = {'m', 'l', 'b', 'n', 's', 'a', 'o', 'f'};
    return kLetters[static_cast<std::size_t>(value.type)];
}

std::size_t closing(std::string_view text, std::size_t open, char opens, char closes) {
    int depth = 0;
    for (std::size_t at = open; at < text.size(); ++at) {
        depth += text[at] == opens ? 1 : text[at] == closes ? -1 : 0;
        if (depth == 0) return at;
    }
    return text.size();
}

std::string_view plural(std::string_view subtype) noexcept {
    switch (subtype.empty() ? ' ' : subtype.front()) {
        case 'a':
            return "arrays";
        case 'b':
            return "booleans";
        case 'f':
            return "functions";
        case 'n':
            return "numbers";
        case 'o':
            return "objects";
        case 's':
            return "strings";
        default:
            return "values";
    }
}

bool accepts(const Parameter& parameter, char letter) {
    return parameter.accepts.find(letter) != std::string::npos;
}

// How many letters each parameter takes, by the preferences of a backtracking matcher. Dead ends are
// remembered, so the work is at most parameters times letters.
class Matcher {
  public:
    // Matches all parameters with all letters or, for a prefix, the first parameters with the first letters.
    Matcher(std::span<const Parameter> parameters, std::string_view letters, bool whole = true)
        : parameters_(parameters),
          letters_(letters),
          whole_(whole),
          dead_((parameters_.size() + 1) * (letters.size() + 1), false) {
        taken_.resize(parameters_.size());
    }
    bool run() { return match(0, 0); }
    const std::vector<std::size_t>& taken() const { return taken_; }

  private:
    bool match(std::size_t parameter, std::size_t at) {
        if (parameter == parameters_.size()) return !whole_ || at == letters_.size();
        const std::size_t state = parameter * (letters_.size() + 1) + at;
        if (dead_[state]) return false;
        const Parameter& p = parameters_[parameter];
        std::size_t most = 0;
        const bool repeats = p.times == Times::OneOrMore || p.times == Times::LazyOneOrMore;
        const std::size_t cap = repeats ? letters_.size() : 1;
        while (most < cap && at + most < letters_.size() && accepts(p, letters_[at + most]))
            ++most;
        const std::size_t least = p.times == Times::Once || repeats ? 1 : 0;
        if (p.times == Times::LazyOptional && try_with(parameter, at, 0)) return true;
        if (p.times == Times::LazyOneOrMore) {
            for (std::size_t count = least; count <= most; ++count) {
                if (try_with(parameter, at, count)) return true;
            }
            dead_[state] = true;
            return false;
        }
        for (std::size_t count = most + 1; count-- > least;) {
            if (try_with(parameter, at, count)) return true;
        }
        dead_[state] = true;
        return false;
    }
    bool try_with(std::size_t parameter, std::size_t at, std::size_t count) {
        taken_[parameter] = count;
        if (!match(parameter + 1, at + count)) return false;
        taken_[parameter] = count;
        return true;
    }

    std::span<const Parameter> parameters_;
    std::string_view letters_;
    bool whole_;
    std::vector<bool> dead_;
    std::vector<std::size_t> taken_;
};

// Raises the error for the argument behind the longest run of first parameters that match.
[[noreturn]] void raise_mismatch(const Signature& signature, const Arguments& arguments,
                                 std::string_view letters, Budget& budget) {
    std::size_t good = 0;
    for (std::size_t count = 1; count <= signature.parameters.size(); ++count) {
        budget.step(count * (letters.size() + 1));
        Matcher prefix(std::span(signature.parameters).first(count), letters, false);
        if (!prefix.run()) break;
        good = std::accumulate(prefix.taken().begin(), prefix.taken().end(), std::size_t{0});
    }
    throw Raised{.code = "T0410",
                 .value = good < arguments.size() ? brief_json(arguments[good]) : std::string(),
                 .index = good + 1};
}

bool holds_only(const Value& array, char letter) {
    const Items items(array);
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (letter_of(items[i]) != letter) return false;
    }
    return true;
}

}  // namespace

std::unique_ptr<Signature> parse_signature(std::string_view text, std::size_t position) {
    auto signature = std::make_unique<Signature>();
    std::vector<Parameter>& list = signature->parameters;
    for (std::size_t at = 1; at < text.size() && text[at] != ':'; ++at) {
        const char symbol = text[at];
        Parameter parameter;
        switch (symbol) {
            case 's':
            case 'n':
            case 'b':
            case 'l':
            case 'o':
                parameter.accepts = {symbol, 'm'};
                parameter.type = symbol;
                list.push_back(parameter);
                break;
            case 'a':
                parameter.accepts = kAny;
                parameter.type = 'a';
                list.push_back(parameter);
                break;
            case 'f':
                parameter.accepts = "f";
                parameter.type = 'f';
                list.push_back(parameter);
                break;
            case 'j':
                parameter.accepts = "asnblom";
                list.push_back(parameter);
                break;
            case 'x':
                parameter.accepts = kAny;
                list.push_back(parameter);
                break;
            case '-':
                if (list.empty()) break;
                list.back().context = true;
                list.back().times =
                    list.back().times == Times::OneOrMore ? Times::LazyOneOrMore : Times::Optional;
                break;
            case '?':
                if (list.empty()) break;
                list.back().times = list.back().times == Times::Optional    ? Times::LazyOptional
                                    : list.back().times == Times::OneOrMore ? Times::LazyOneOrMore
                                                                            : Times::Optional;
                break;
            case '+':
                if (!list.empty()) list.back().times = Times::OneOrMore;
                break;
            case '(': {
                const std::size_t end = closing(text, at, '(', ')');
                const std::string_view choice = text.substr(at + 1, end - at - 1);
                if (choice.find('<') != std::string_view::npos) {
                    throw Raised{.code = "S0402", .position = position + at, .value = quoted(choice)};
                }
                parameter.accepts = std::string(choice) + "m";
                parameter.type = '(';
                list.push_back(parameter);
                at = end;
                break;
            }
            case '<': {
                const char of = list.empty() ? ' ' : list.back().type;
                if (of != 'a' && of != 'f') {
                    throw Raised{.code = "S0401",
                                 .position = position + at,
                                 .value = quoted(std::string_view(&of, 1))};
                }
                const std::size_t end = closing(text, at, '<', '>');
                list.back().has_subtype = true;
                list.back().subtype = text.substr(at + 1, end - at - 1);
                at = end;
                break;
            }
            default:
                break;
        }
    }
    if (list.size() > 100) {
        throw Raised{.code = "U1001", .position = position, .message = "The signature is too long"};
    }
    return signature;
}

void validate(const Signature& signature, Arguments& arguments, const Value& context, Arena& arena) {
    const std::vector<Parameter>& parameters = signature.parameters;
    // A short way for most calls: each parameter gets one argument that fits as it is.
    if (arguments.size() == parameters.size()) {
        bool fits = true;
        for (std::size_t i = 0; fits && i < parameters.size(); ++i) {
            const char letter = letter_of(arguments[i]);
            fits = accepts(parameters[i], letter) && (parameters[i].type != 'a' || letter == 'm');
            if (parameters[i].type == 'a' && letter == 'a') {
                fits = !parameters[i].has_subtype ||
                       (arena.budget().step(Items(arguments[i]).size()),
                        holds_only(arguments[i],
                                   parameters[i].subtype.empty() ? ' ' : parameters[i].subtype.front()));
            }
        }
        if (fits) return;
    }

    std::string letters;
    for (const Value& argument : arguments)
        letters.push_back(letter_of(argument));
    arena.budget().step((parameters.size() + 1) * (letters.size() + 1));
    Matcher matcher(signature.parameters, letters);
    if (!matcher.run()) raise_mismatch(signature, arguments, letters, arena.budget());

    Arguments result;
    std::size_t at = 0;
    const auto argument_at = [&](std::size_t i) { return i < arguments.size() ? arguments[i] : Value(); };
    for (std::size_t p = 0; p < parameters.size(); ++p) {
        const Parameter& parameter = parameters[p];
        const std::size_t count = matcher.taken()[p];
        if (count == 0) {
            if (!parameter.context) {
                result.push_back(argument_at(at++));
            } else if (accepts(parameter, letter_of(context))) {
                result.push_back(context);
            } else {
                throw Raised{.code = "T0411", .value = brief_json(context), .index = at + 1};
            }
            continue;
        }
        const std::size_t first = at;
        for (std::size_t i = 0; i < count; ++i, ++at) {
            if (parameter.type != 'a') {
                result.push_back(argument_at(at));
                continue;
            }
            Value argument = argument_at(at);
            const char letter = letter_of(argument);
            if (letter == 'm') {
                result.push_back(argument);
                continue;
            }
            if (parameter.has_subtype) {
                const std::string given = letters.substr(first, count);
                bool fits = letter == 'a' || given == parameter.subtype;
                if (letter == 'a' && Items(argument).size() > 0) {
                    arena.budget().step(Items(argument).size());
                    fits = holds_only(argument, parameter.subtype.empty() ? ' ' : parameter.subtype.front());
                }
                if (!fits) {
                    throw Raised{.code = "T0412",
                                 .value = brief_json(argument),
                                 .value2 = quoted(plural(parameter.subtype)),
                                 .index = at + 1};
                }
            }
            if (letter != 'a') {
                List* list = arena.make<List>();
                list->push(arena, argument);
                argument = Value::of_list(list);
            }
            result.push_back(argument);
        }
    }
    arguments = std::move(result);
}

}  // namespace flowctl::jsonata
