// ReferencePath: puts a result into the input at member names and single indexes.
//
// The containers along the path are built anew from the inside out, and the values beside the path are
// shared.
#include "core/path/path.hpp"
#include "core/path/query.hpp"

namespace flowctl::path {

struct ReferencePath::Impl {
    std::string text;
    std::vector<Step> steps;
};

namespace {

// `array` with the item at `index` replaced.
json::Value with_item(const json::Value& array, std::size_t index, json::Value value) {
    std::vector<json::Value> items = array.items();
    items[index] = std::move(value);
    return json::Value::array(std::move(items));
}

Err<EvalError> cannot_apply(const std::string& path, const json::Value& root, Budget& budget) {
    return Err{EvalError{EvalError::Reason::WrongType,
                         "Unable to apply ReferencePath " + path + " to input " + shown(root, budget)}};
}

}  // namespace

Result<ReferencePath, SyntaxError> ReferencePath::compile(std::string_view text) {
    auto query = parse_query(text);
    if (!query.ok()) return Err{std::move(query).error()};
    Query parsed = std::move(query).value();
    if (parsed.root != Query::Root::Input) {
        return Err{SyntaxError{0, "it must lead into the input, not into the context or a variable"}};
    }
    for (const Step& step : parsed.steps) {
        const bool index = step.kind == Step::Kind::Index && step.indexes.front() >= 0;
        if (step.kind != Step::Kind::Member && !index) {
            return Err{SyntaxError{0, "only member names and single indexes are allowed"}};
        }
    }
    auto impl = std::make_shared<Impl>();
    impl->text = std::string(text);
    impl->steps = std::move(parsed.steps);
    return ReferencePath(std::move(impl));
}

EvalResult ReferencePath::insert(const json::Value& root, const json::Value& value, Budget& budget) const {
    const std::vector<Step>& steps = impl_->steps;
    // Downwards: collects the values along the path, with an object where there is none yet.
    std::vector<json::Value> along;
    json::Value at = root;
    for (const Step& step : steps) {
        const json::Value* next = nullptr;
        if (step.kind == Step::Kind::Member) {
            if (!at.is_object()) return cannot_apply(impl_->text, root, budget);
            next = step.member_of(at);
        } else {
            const auto index = static_cast<std::size_t>(step.indexes.front());
            if (!at.is_array() || index >= at.size()) return cannot_apply(impl_->text, root, budget);
            next = &at.items()[index];
        }
        // Copying a container on the way costs as much as its size.
        budget.step(1 + at.size());
        budget.bytes(at.size() * sizeof(json::Value));
        json::Value below = next != nullptr ? *next : json::Value::object({});
        along.push_back(std::move(at));
        at = std::move(below);
    }
    // Upwards: builds the new containers.
    json::Value built = value;
    for (std::size_t i = steps.size(); i-- > 0;) {
        built =
            steps[i].kind == Step::Kind::Member
                ? json::with_member(along[i], steps[i].name_in(along[i]), std::move(built))
                : with_item(along[i], static_cast<std::size_t>(steps[i].indexes.front()), std::move(built));
    }
    return built;
}

const std::string& ReferencePath::text() const noexcept {
    return impl_->text;
}

}  // namespace flowctl::path
