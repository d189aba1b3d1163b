// Payload templates: literal JSON with expressions in the members whose key ends in `.$`.
//
// A part without expressions is kept as the value that was written, so evaluating it costs a handle. The
// recursion follows the nesting of the definition, which the JSON parser and kMaxDepth bound.
#include "core/path/compiled.hpp"

namespace flowctl::path {
namespace {

constexpr unsigned kMaxDepth = 1'000;
constexpr std::string_view kMark = ".$";

// A part of a template.
struct Part {
    enum class Kind { Literal, Expression, Object, Array };
    Kind kind = Kind::Literal;
    json::Value literal;
    std::shared_ptr<const Expression::Impl> expression;
    std::string field;              // Expression: its key as written, for error texts
    std::vector<std::string> keys;  // Object: without the ending `.$`
    std::vector<Part> parts;        // Object and Array
};

std::string escaped(std::string_view token) {
    std::string out;
    for (const char c : token) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else
            out += c;
    }
    return out;
}

bool is_marked(std::string_view key) {
    return key.ends_with(kMark);
}

class Compiler {
  public:
    std::vector<Template::Problem> problems;

    Part compile(const json::Value& value) {
        poll_.round();
        if (++depth_ > kMaxDepth) {
            found("nested too deeply");
            --depth_;
            return {};
        }
        Part part = value.is_object() ? object(value) : value.is_array() ? array(value) : Part{};
        if (part.kind == Part::Kind::Literal) part.literal = value;
        --depth_;
        return part;
    }

  private:
    // Calls `read` with the pointer extended by one token.
    template <class Read>
    Part below(std::string_view token, Read read) {
        const std::size_t length = pointer_.size();
        pointer_ += "/" + escaped(token);
        Part part = read();
        pointer_.resize(length);
        return part;
    }

    Part object(const json::Value& value) {
        Part part;
        bool literal = true;
        for (const json::Member& member : value.members()) {
            const bool marked = is_marked(member.key);
            Part child =
                below(member.key, [&] { return marked ? expression(member) : compile(member.value); });
            literal = literal && !marked && child.kind == Part::Kind::Literal;
            std::string key = marked ? member.key.substr(0, member.key.size() - kMark.size()) : member.key;
            if (is_replaced(value, member, key)) continue;
            part.keys.push_back(std::move(key));
            part.parts.push_back(std::move(child));
        }
        if (literal) return {};
        part.kind = Part::Kind::Object;
        return part;
    }

    // `a` and `a.$` are the same member of the result, and the later one counts.
    static bool is_replaced(const json::Value& object, const json::Member& member, std::string_view key) {
        const json::Value* other =
            object.find(is_marked(member.key) ? std::string(key) : member.key + std::string(kMark));
        return other != nullptr && other > &member.value;
    }

    Part array(const json::Value& value) {
        Part part;
        bool literal = true;
        for (std::size_t i = 0; i < value.size(); ++i) {
            part.parts.push_back(below(std::to_string(i), [&] { return compile(value.items()[i]); }));
            literal = literal && part.parts.back().kind == Part::Kind::Literal;
        }
        if (literal) return {};
        part.kind = Part::Kind::Array;
        return part;
    }

    Part expression(const json::Member& member) {
        Part part;
        part.kind = Part::Kind::Expression;
        part.field = member.key;
        if (!member.value.is_string()) {
            found("it is not a string");
            return part;
        }
        auto compiled =
            Expression::Impl::compile(member.value.as_string(), Expression::Allow::PathsAndIntrinsics);
        if (!compiled.ok()) {
            found(compiled.error().message);
            return part;
        }
        part.expression = std::move(compiled).value();
        return part;
    }

    // A hostile template can have thousands of problems, each with a long pointer, so only some of them are
    // kept.
    void found(std::string message) {
        kept_bytes_ += pointer_.size() + message.size();
        if (kept_bytes_ <= kMostKept || problems.empty()) problems.push_back({pointer_, std::move(message)});
    }

    static constexpr std::size_t kMostKept = 256 * 1024;
    std::string pointer_;
    std::size_t kept_bytes_ = 0;
    unsigned depth_ = 0;
    Poll poll_;
};

EvalResult evaluate_part(const Part& part, const Scope& scope) {
    switch (part.kind) {
        case Part::Kind::Literal:
            return part.literal;
        case Part::Kind::Expression:
            return evaluate_expression(*part.expression, scope, part.field);
        case Part::Kind::Object: {
            scope.budget.step(1 + part.keys.size());
            scope.budget.bytes(part.keys.size() * sizeof(json::Member));
            std::vector<json::Member> members;
            members.reserve(part.keys.size());
            for (std::size_t i = 0; i < part.keys.size(); ++i) {
                auto value = evaluate_part(part.parts[i], scope);
                if (!value.ok()) return value;
                members.push_back({part.keys[i], std::move(value).value()});
            }
            return json::Value::object(std::move(members));
        }
        case Part::Kind::Array:
            break;
    }
    scope.budget.step(1 + part.parts.size());
    scope.budget.bytes(part.parts.size() * sizeof(json::Value));
    std::vector<json::Value> items;
    items.reserve(part.parts.size());
    for (const Part& child : part.parts) {
        auto value = evaluate_part(child, scope);
        if (!value.ok()) return value;
        items.push_back(std::move(value).value());
    }
    return json::Value::array(std::move(items));
}

void collect(const Part& part, std::set<std::string>& names) {
    if (part.kind == Part::Kind::Expression) collect_variables(*part.expression, names);
    for (const Part& child : part.parts)
        collect(child, names);
}

}  // namespace

struct Template::Impl {
    Part root;
};

Result<Template, std::vector<Template::Problem>> Template::compile(const json::Value& value) {
    Compiler compiler;
    auto impl = std::make_shared<Impl>();
    impl->root = compiler.compile(value);
    if (!compiler.problems.empty()) return Err{std::move(compiler.problems)};
    return Template(std::move(impl));
}

EvalResult Template::evaluate(const Scope& scope) const {
    scope.budget.step();
    return evaluate_part(impl_->root, scope);
}

std::vector<std::string> Template::variables() const {
    std::set<std::string> names;
    collect(impl_->root, names);
    return {names.begin(), names.end()};
}

}  // namespace flowctl::path
