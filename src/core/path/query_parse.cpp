// Parsing of JSONPath by Jayway's grammar: dot and bracket notation, wildcards, indexes, slices, unions,
// recursive descent, filters and closing functions.
//
// Steps are read in a loop; only filters nest, and they do so at most kMaxNesting deep.
#include <algorithm>
#include <charconv>

#include "core/path/query.hpp"

namespace flowctl::path {
namespace {

constexpr unsigned kMaxNesting = 32;
constexpr std::size_t kMaxSteps = 1'000;

struct FunctionName {
    std::string_view name;
    Function function;
};
constexpr FunctionName kFunctions[] = {
    {"length", Function::Length}, {"size", Function::Length}, {"min", Function::Min},
    {"max", Function::Max},       {"avg", Function::Avg},     {"sum", Function::Sum},
    {"stddev", Function::Stddev}, {"keys", Function::Keys},   {"concat", Function::Concat},
    {"append", Function::Append}, {"first", Function::First}, {"last", Function::Last},
    {"index", Function::Index},
};

struct OperatorName {
    std::string_view name;
    Filter::Operator op;
};
// Longer symbols before their beginnings.
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

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Thrown and caught inside this file: a syntax error ends the whole parse from any depth.
struct Malformed {
    SyntaxError error;
};

// Where the path stands decides which characters end a name in dot notation.
enum class Place { Whole, Argument, Filter };

class Parser {
  public:
    explicit Parser(std::string_view text) : text_(text) {}

    std::size_t position() const noexcept { return at_; }
    bool at_end() const noexcept { return at_ >= text_.size(); }
    void skip_blanks() {
        while (!at_end() && is_blank(text_[at_]))
            ++at_;
    }

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
        // Several names merge into one object as the last step, and are several ways on before that.
        for (std::size_t i = 0; i < query.steps.size(); ++i) {
            const bool branches = query.steps[i].kind == Step::Kind::Members && i + 1 < query.steps.size();
            if (!query.steps[i].is_definite() || branches) query.definite = false;
        }
        return query;
    }

    [[noreturn]] void fail(std::string message) const { fail_at(at_, std::move(message)); }
    [[noreturn]] void fail_at(std::size_t at, std::string message) const {
        throw Malformed{SyntaxError{at, std::move(message)}};
    }

  private:
    char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    char take() {
        if (at_end()) fail("the path ends too early");
        return text_[at_++];
    }
    bool take_if(char c) noexcept {
        if (at_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take_if(std::string_view word) noexcept {
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }

    // Variable names are Unicode identifiers; every character beyond ASCII is taken for one of them.
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
        const auto* known = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                         [&](const auto& f) { return f.name == name; });
        if (known == std::end(kFunctions)) fail_at(from, "there is no function " + std::string(name) + "()");
        const Nesting nesting(*this);
        ++at_;  // the parenthesis
        Step step;
        step.kind = Step::Kind::Function;
        step.function = known->function;
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
        if (known->function == Function::Index && step.arguments.size() != 1) {
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
            step.names.push_back(quoted());
            skip_blanks();
        } while (take_if(','));
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

    // A string in either quotes; a backslash keeps the next character, or escapes as JSON does.
    std::string quoted() {
        const std::size_t from = at_;
        const char quote = take();
        std::string out;
        for (;;) {
            if (at_end()) fail_at(from, "a quote is not closed");
            const char c = take();
            if (c == quote) return out;
            if (c != '\\') {
                out.push_back(c);
                continue;
            }
            const char escaped = take();
            switch (escaped) {
                case 'b':
                    out.push_back('\b');
                    break;
                case 'f':
                    out.push_back('\f');
                    break;
                case 'n':
                    out.push_back('\n');
                    break;
                case 'r':
                    out.push_back('\r');
                    break;
                case 't':
                    out.push_back('\t');
                    break;
                case 'u':
                    out += unicode_escape();
                    break;
                default:
                    out.push_back(escaped);
            }
        }
    }

    // \uXXXX, read by the JSON parser together with a following low surrogate.
    std::string unicode_escape() {
        const std::size_t from = at_;
        std::string escape = "\"\\u" + std::string(text_.substr(at_, 4)) + "\"";
        auto read = json::parse(escape);
        if (read.ok()) {
            at_ += 4;
        } else {
            escape = "\"\\u" + std::string(text_.substr(at_, 10)) + "\"";
            read = json::parse(escape);
            if (text_.substr(at_ + 4, 2) != "\\u" || !read.ok()) fail_at(from, "wrong \\u escape");
            at_ += 10;
        }
        return std::string(read->as_string());
    }

    // A literal of a filter: a string, a number, true, false, null, a JSON array or object.
    json::Value literal() {
        const char c = peek();
        if (c == '\'' || c == '"') return json::Value::string(quoted());
        const std::size_t from = at_;
        if (c == '[' || c == '{') {
            skip_json();
            return read_json(from, text_.substr(from, at_ - from));
        }
        while (!at_end() &&
               (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '+' || peek() == '.')) {
            ++at_;
        }
        if (at_ == from) fail("a value is missing");
        return read_json(from, text_.substr(from, at_ - from));
    }

    // Past the bracket that closes the one here. Jayway also takes strings in single quotes inside.
    void skip_json() {
        const std::size_t from = at_;
        unsigned open = 0;
        do {
            if (at_end()) fail_at(from, "a literal is not closed");
            const char c = peek();
            if (c == '"' || c == '\'') {
                (void)quoted();
                continue;
            }
            if (c == '[' || c == '{') ++open;
            if (c == ']' || c == '}') --open;
            ++at_;
        } while (open > 0);
    }

    json::Value read_json(std::size_t from, std::string_view written) {
        std::string text;
        bool in_double = false;
        for (std::size_t i = 0; i < written.size(); ++i) {
            const char c = written[i];
            if (c == '"') in_double = !in_double;
            if (c == '\\' && in_double && i + 1 < written.size()) {
                text.push_back(c);
                text.push_back(written[++i]);
            } else if (c == '\'' && !in_double) {
                Parser inner(written.substr(i));
                json::dump(json::Value::string(inner.quoted()), text);
                i += inner.position() - 1;
            } else {
                text.push_back(c);
            }
        }
        auto value = json::parse(text);
        if (!value.ok()) fail_at(from, "not a value: " + value.error().message);
        return *value;
    }

    // ------------------------------------------------------------------------------------------ filters

    // One level of nesting, for as long as it lives.
    class Nesting {
      public:
        explicit Nesting(Parser& parser) : parser_(parser) {
            if (++parser_.nesting_ > kMaxNesting) {
                --parser_.nesting_;
                parser_.fail("the filter is nested too deeply");
            }
        }
        ~Nesting() { --parser_.nesting_; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

      private:
        Parser& parser_;
    };

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
            operand.literal = literal();
        }
        return operand;
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

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned nesting_ = 0;
};

}  // namespace

bool Step::is_definite() const noexcept {
    switch (kind) {
        case Kind::Member:
        case Kind::Members:
        case Kind::Index:
        case Kind::Function:
            return true;
        default:
            return false;
    }
}

std::string Step::fragment() const {
    switch (kind) {
        case Kind::Member:
        case Kind::Members: {
            std::string text = "[";
            for (const std::string& name : names)
                text += (text.size() > 1 ? ", '" : "'") + name + "'";
            return text + "]";
        }
        case Kind::Index:
        case Kind::Indexes: {
            std::string text = "[";
            for (const std::int64_t index : indexes)
                text += (text.size() > 1 ? "," : "") + std::to_string(index);
            return text + "]";
        }
        case Kind::Slice:
            return "[" + (from ? std::to_string(*from) : "") + ":" + (to ? std::to_string(*to) : "") +
                   (stride != 1 ? ":" + std::to_string(stride) : "") + "]";
        case Kind::Wildcard:
            return "[*]";
        case Kind::Descend:
            return "..";
        case Kind::Filter:
            return "[?]";
        case Kind::Function:
            for (const FunctionName& known : kFunctions) {
                if (known.function == function) return "." + std::string(known.name) + "()";
            }
    }
    return "";
}

std::string Query::fragments(std::size_t count) const {
    std::string out = "$";
    for (std::size_t i = 0; i < count && i < steps.size(); ++i)
        out += steps[i].fragment();
    return out;
}

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
