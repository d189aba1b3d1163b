// Parsing of JSONPath by Jayway's grammar: dot and bracket notation, wildcards, indexes, slices, unions,
// recursive descent, filters and closing functions.
//
// Steps are read in a loop. Only filters nest, at most kMaxNesting deep.
#include <algorithm>
#include <charconv>

#include "core/path/query.hpp"
#include "core/path/query_scan.hpp"

namespace flowctl::path {
namespace {

constexpr std::size_t kMaxSteps = 1'000;

struct OperatorName {
    std::string_view name;
    Filter::Operator op;
};
// A symbol stands before the symbols that it begins with.
constexpr OperatorName kSymbols[] = {
    {"===", Filter::Operator::SameTypeEqual}, {"!==", Filter::Operator::SameTypeNotEqual},
    {"==", Filter::Operator::Equal},          {"!=", Filter::Operator::NotEqual},
    {"=~", Filter::Operator::Matches},        {"<=", Filter::Operator::LessEqual},
    {">=", Filter::Operator::GreaterEqual},   {"<", Filter::Operator::Less},
    {">", Filter::Operator::Greater},
};
constexpr OperatorName kWords[] = {
    {"in", Filter::Operator::In},
    {"nin", Filter::Operator::NotIn},
    {"subsetof", Filter::Operator::SubsetOf},
    {"anyof", Filter::Operator::AnyOf},
    {"noneof", Filter::Operator::NoneOf},
    {"all", Filter::Operator::All},
    {"contains", Filter::Operator::Contains},
    {"size", Filter::Operator::Size},
    {"empty", Filter::Operator::Empty},
};

// The place of the path decides which characters end a name in dot notation.
enum class Place { Whole, Argument, Filter };

class Parser : public Scanner {
  public:
    using Scanner::Scanner;

    Query query(Place place) {
        Query query;
        const std::size_t from = at_;
        const char sign = take();
        if (sign == '@') {
            query.root = Query::Root::Item;
        } else if (sign != '$') {
            fail_at(from, "a path starts with $");
        } else if (peek() == '$' && place != Place::Filter) {
            ++at_;
            query.root = Query::Root::Context;
        } else if (place != Place::Filter && is_name_character(peek(), true)) {
            query.root = Query::Root::Variable;
            while (is_name_character(peek(), false))
                query.variable.push_back(take());
        }
        steps(query, place);
        query.text = std::string(text_.substr(from, at_ - from));
        // As the last step, several names merge into one object; before that, each of them is a way on.
        for (std::size_t i = 0; i < query.steps.size(); ++i) {
            const bool branches = query.steps[i].kind == Step::Kind::Members && i + 1 < query.steps.size();
            if (!query.steps[i].is_definite() || branches) query.definite = false;
        }
        return query;
    }

  private:
    // Variable names are Unicode identifiers. Every character beyond ASCII is taken for a letter.
    static bool is_name_character(char c, bool first) noexcept {
        return is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80 || (!first && is_digit(c));
    }

    void add(Query& query, Step step) {
        if (query.steps.size() >= kMaxSteps) fail("the path has too many steps");
        query.steps.push_back(std::move(step));
    }

    void steps(Query& query, Place place) {
        for (;;) {
            if (take_if("..")) {
                if (peek() == '.') fail("three dots in a row");
                if (!begins_step(place)) fail("nothing after ..");
                Step descend;
                descend.kind = Step::Kind::Descend;
                add(query, std::move(descend));
                if (peek() == '[')
                    bracket(query);
                else
                    name_or_wildcard(query, place);
            } else if (take_if('.')) {
                if (peek() == '[')
                    bracket(query);
                else
                    name_or_wildcard(query, place);
            } else if (peek() == '[') {
                bracket(query);
            } else {
                return;
            }
            if (query.steps.back().kind == Step::Kind::Function && (peek() == '.' || peek() == '[')) {
                fail("a function must be the last step of a path");
            }
        }
    }

    bool begins_step(Place place) const noexcept {
        return !at_end() && (peek() == '[' || !ends_name(peek(), place));
    }

    static bool ends_name(char c, Place place) noexcept {
        if (is_blank(c) || c == '.' || c == '[' || c == '(') return true;
        if (place == Place::Whole) return false;
        if (c == ',' || c == ')') return true;
        return place == Place::Filter &&
               (c == '<' || c == '>' || c == '=' || c == '~' || c == '!' || c == '&' || c == '|' || c == ']');
    }

    void name_or_wildcard(Query& query, Place place) {
        if (take_if('*')) {
            Step step;
            step.kind = Step::Kind::Wildcard;
            return add(query, std::move(step));
        }
        const std::size_t from = at_;
        while (!at_end() && !ends_name(text_[at_], place))
            ++at_;
        if (at_ == from) fail("a name is missing after the dot");
        std::string name(text_.substr(from, at_ - from));
        if (peek() == '(') return add(query, function(name, from));
        Step step;
        step.names.push_back(std::move(name));
        add(query, std::move(step));
    }

    Step function(std::string_view name, std::size_t from) {
        const std::optional<Function> known = function_named(name);
        if (!known) fail_at(from, "there is no function " + std::string(name) + "()");
        const Nesting nesting(*this);
        ++at_;  // the parenthesis
        Step step;
        step.kind = Step::Kind::Function;
        step.function = *known;
        skip_blanks();
        while (!take_if(')')) {
            FunctionArgument argument;
            if (peek() == '$' || peek() == '@') {
                argument.query = std::make_shared<Query>(query(Place::Filter));
            } else {
                argument.literal = literal();
            }
            step.arguments.push_back(std::move(argument));
            skip_blanks();
            if (take_if(',')) {
                skip_blanks();
                if (peek() == ')') fail("an argument is missing");
            } else if (peek() != ')') {
                fail("a function's arguments are not closed");
            }
        }
        if (*known == Function::Index && step.arguments.size() != 1) {
            fail_at(from, "index() takes one argument");
        }
        return step;
    }

    void bracket(Query& query) {
        const std::size_t from = at_;
        ++at_;
        skip_blanks();
        const char c = peek();
        if (c == '\'' || c == '"') {
            add(query, names());
        } else if (c == '*') {
            ++at_;
            Step step;
            step.kind = Step::Kind::Wildcard;
            add(query, std::move(step));
        } else if (c == '?') {
            ++at_;
            skip_blanks();
            if (!take_if('(')) fail("a filter is written [?( )]");
            Step step;
            step.kind = Step::Kind::Filter;
            step.filter = std::make_shared<Filter>(disjunction());
            skip_blanks();
            if (!take_if(')')) fail("a filter's parenthesis is not closed");
            add(query, std::move(step));
        } else if (c == '-' || c == ':' || is_digit(c)) {
            add(query, positions());
        } else {
            fail_at(from, "neither a name, an index, a slice, a filter nor * in the brackets");
        }
        skip_blanks();
        if (!take_if(']')) fail("a bracket is not closed");
    }

    Step names() {
        Step step;
        do {
            skip_blanks();
            if (peek() != '\'' && peek() != '"') fail("a quoted name is missing");
            const std::size_t from = at_ + 1;
            step.names.push_back(in_quotes());
            step.written.emplace_back(text_.substr(from, at_ - 1 - from));
            skip_blanks();
        } while (take_if(','));
        if (step.written == step.names) step.written.clear();
        step.kind = step.names.size() == 1 ? Step::Kind::Member : Step::Kind::Members;
        return step;
    }

    std::int64_t integer() {
        const std::size_t from = at_;
        if (peek() == '-') ++at_;
        while (is_digit(peek()))
            ++at_;
        std::int32_t value = 0;
        const char* end = text_.data() + at_;
        const auto result = std::from_chars(text_.data() + from, end, value);
        if (result.ec != std::errc() || result.ptr != end) fail_at(from, "not an index");
        return value;
    }

    Step positions() {
        Step step;
        const auto number = [&]() -> std::optional<std::int64_t> {
            skip_blanks();
            if (peek() != '-' && !is_digit(peek())) return std::nullopt;
            const std::int64_t value = integer();
            skip_blanks();
            return value;
        };
        const std::optional<std::int64_t> first = number();
        if (!take_if(':')) {
            step.kind = Step::Kind::Index;
            step.indexes.push_back(*first);
            while (take_if(',')) {
                const std::optional<std::int64_t> next = number();
                if (!next) fail("an index is missing");
                step.indexes.push_back(*next);
                step.kind = Step::Kind::Indexes;
            }
            return step;
        }
        step.kind = Step::Kind::Slice;
        step.from = first;
        step.to = number();
        if (take_if(':')) {
            const std::size_t at = at_;
            step.stride = number().value_or(1);
            if (step.stride < 1) fail_at(at, "a slice's step must be positive");
        } else if (!step.from && !step.to) {
            fail("a slice needs a beginning or an end");
        }
        return step;
    }

    // ------------------------------------------------------------------------------------------ filters

    Filter disjunction() {
        const Nesting nesting(*this);
        return joined(Filter::Kind::Or, "||", [this] { return conjunction(); });
    }
    Filter conjunction() {
        return joined(Filter::Kind::And, "&&", [this] { return condition(); });
    }
    template <class Read>
    Filter joined(Filter::Kind kind, std::string_view word, Read read) {
        Filter first = read();
        skip_blanks();
        if (!take_if(word)) return first;
        Filter all;
        all.kind = kind;
        all.children.push_back(std::move(first));
        do {
            all.children.push_back(read());
            skip_blanks();
        } while (take_if(word));
        return all;
    }

    Filter condition() {
        const Nesting nesting(*this);
        skip_blanks();
        if (peek() == '!' && peek(1) != '=') {
            ++at_;
            Filter negation;
            negation.kind = Filter::Kind::Not;
            negation.children.push_back(condition());
            return negation;
        }
        if (take_if('(')) {
            Filter group = disjunction();
            skip_blanks();
            if (!take_if(')')) fail("a parenthesis is not closed");
            return group;
        }
        Filter filter;
        filter.left = operand();
        skip_blanks();
        const std::optional<Filter::Operator> op = read_operator();
        if (!op) {
            if (filter.left.kind != Operand::Kind::Query) fail("an operator is missing");
            filter.kind = Filter::Kind::Exists;
            return filter;
        }
        filter.kind = Filter::Kind::Compare;
        filter.op = *op;
        const std::size_t from = at_;
        filter.right = operand();
        if (filter.op == Filter::Operator::Matches && filter.left.kind != Operand::Kind::Regex &&
            filter.right.kind != Operand::Kind::Regex) {
            fail_at(from, "=~ needs a /regular expression/");
        }
        return filter;
    }

    std::optional<Filter::Operator> read_operator() {
        for (const OperatorName& symbol : kSymbols) {
            if (take_if(symbol.name)) return symbol.op;
        }
        std::size_t end = at_;
        std::string word;
        while (end < text_.size() && is_letter(text_[end]))
            word.push_back(static_cast<char>(text_[end++] | 0x20));
        if (word.empty()) return std::nullopt;
        for (const OperatorName& known : kWords) {
            if (known.name != word) continue;
            at_ = end;
            return known.op;
        }
        fail("there is no operator " + word);
    }

    Operand operand() {
        skip_blanks();
        Operand operand;
        if (peek() == '$' || peek() == '@') {
            const Nesting nesting(*this);
            operand.kind = Operand::Kind::Query;
            operand.query = std::make_shared<Query>(query(Place::Filter));
        } else if (peek() == '/') {
            operand.kind = Operand::Kind::Regex;
            operand.regex = regex();
        } else {
            operand.literal = literal_or_word();
        }
        return operand;
    }

    // AWS takes a word without quotes for a string: [?(@.kind==big)].
    json::Value literal_or_word() {
        if (!is_name_character(peek(), true)) return literal();
        const std::size_t from = at_;
        while (!at_end() && (is_name_character(peek(), false) || peek() == '-' || peek() == '.'))
            ++at_;
        const std::string_view word = text_.substr(from, at_ - from);
        if (word == "null") return json::Value();
        if (word == "true" || word == "false") return json::Value::boolean(word == "true");
        return json::Value::string(word);
    }

    std::shared_ptr<const Regex> regex() {
        const std::size_t from = at_;
        ++at_;
        std::string pattern;
        for (;;) {
            if (at_end()) fail_at(from, "a regular expression is not closed");
            const char c = take();
            if (c == '/') break;
            if (c == '\\' && peek() == '/') {
                pattern.push_back(take());
                continue;
            }
            pattern.push_back(c);
            if (c == '\\') pattern.push_back(take());
        }
        std::string flags;
        while (is_letter(peek()))
            flags.push_back(take());
        auto compiled = Regex::compile(pattern, flags);
        if (!compiled.ok()) fail_at(from, compiled.error());
        return std::make_shared<Regex>(std::move(compiled).value());
    }
};

}  // namespace

Result<Query, SyntaxError> parse_query(std::string_view text) {
    try {
        Parser parser(text);
        Query query = parser.query(Place::Whole);
        parser.skip_blanks();
        if (!parser.at_end()) parser.fail("unexpected character; names with spaces are written ['a b']");
        if (query.root == Query::Root::Item) parser.fail_at(0, "a path starts with $");
        return query;
    } catch (const Malformed& malformed) {
        return Err{malformed.error};
    }
}

Result<Query, SyntaxError> parse_query_argument(std::string_view text, std::size_t& length) {
    try {
        Parser parser(text);
        Query query = parser.query(Place::Argument);
        length = parser.position();
        if (query.root == Query::Root::Item) parser.fail_at(0, "a path starts with $");
        return query;
    } catch (const Malformed& malformed) {
        return Err{malformed.error};
    }
}

}  // namespace flowctl::path
