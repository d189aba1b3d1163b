// Evaluating a query on a value, as Jayway does.
//
// Nearly all queries have member names and single indexes only. They are followed with a pointer, and nothing
// is built. Other queries are walked depth first. Every visited value is a step of the budget; the budget's
// depth and steps bound the recursion (one level per step of the query) and the descent of `..`.
//
// The rules for errors follow Jayway: behind an indefinite step nothing is ever missing, and before one a
// missing value is an error. An index past the end of an array gives null if it is the path's last step,
// because AWS's engine answers so.
#include <algorithm>
#include <set>

#include "core/path/query.hpp"

namespace flowctl::path {
namespace {

const json::Value kNull;

std::string property_not_found(const Query& query, std::size_t step) {
    return "Property " + query.steps[step].fragment() + " not found in path " + query.fragments(step);
}

std::string not_an_array(const Query& query, std::size_t step, const json::Value& value, Budget& budget) {
    return "Filter: " + query.steps[step].fragment() +
           " can only be applied to arrays. Current context is: " + shown(value, budget);
}

// The message for a missing value, which depends on whether the step is the last one.
std::string no_results(const Query& query) {
    return "No results for path: " + query.fragments(query.steps.size());
}
std::string missing_property(const Query& query, std::size_t step) {
    return "Missing property in path " + query.fragments(step + 1);
}

// The element at the index, counted from the end if it is negative; nullptr past either end.
const json::Value* element(const json::Value& array, std::int64_t index) {
    const auto size = static_cast<std::int64_t>(array.size());
    const std::int64_t at = index < 0 ? size + index : index;
    return at >= 0 && at < size ? &array.items()[static_cast<std::size_t>(at)] : nullptr;
}

class Walk {
  public:
    Walk(const Query& query, const json::Value& root, bool strict, Budget& budget)
        : query_(query), root_(root), strict_(strict), budget_(budget) {}

    Result<json::Value, Miss> run() {
        const std::vector<Step>& steps = query_.steps;
        // A closing function is applied to each value found, or after `..` to all values at once.
        const bool closing = !steps.empty() && steps.back().kind == Step::Kind::Function;
        end_ = closing ? steps.size() - 1 : steps.size();
        const bool ok = query_.definite ? follow() : visit(0, root_, true);
        if (!ok) {
            if (query_.definite || !miss_.nothing_there) return Err{std::move(miss_)};
            found_.clear();
        }
        if (closing) return apply_function();
        if (!query_.definite) return json::Value::array(std::move(found_));
        return std::move(single_);
    }

  private:
    bool miss(std::string message, bool nothing_there = true) {
        miss_ = Miss{nothing_there, std::move(message)};
        return false;
    }

    Result<json::Value, Miss> apply_function() {
        const Step& step = query_.steps.back();
        if (query_.definite) return call_function(step, single_, root_, budget_);
        if (query_.steps.front().kind == Step::Kind::Descend) {
            return call_function(step, json::Value::array(std::move(found_)), root_, budget_);
        }
        for (json::Value& value : found_) {
            auto result = call_function(step, value, root_, budget_);
            if (!result.ok()) return result;
            value = std::move(result).value();
        }
        return json::Value::array(std::move(found_));
    }

    // A definite query: follows one pointer down the value.
    bool follow() {
        budget_.step(end_);
        const json::Value* value = &root_;
        for (std::size_t i = 0; i < end_; ++i) {
            const Step& step = query_.steps[i];
            const bool last = i + 1 == end_;
            if (step.kind == Step::Kind::Member) {
                if (!value->is_object()) return miss(property_not_found(query_, i));
                value = step.member_of(*value);
                if (value == nullptr) return miss(last ? no_results(query_) : missing_property(query_, i));
            } else if (step.kind == Step::Kind::Index) {
                if (!value->is_array()) return miss(not_an_array(query_, i, *value, budget_), false);
                value = element(*value, step.indexes.front());
                if (value != nullptr) continue;
                if (!last || strict_) return miss(past_the_end(i, last));
                value = &kNull;
            } else {  // Members, last
                if (!value->is_object()) return miss(property_not_found(query_, i));
                single_ = merged(step, *value);
                return true;
            }
        }
        single_ = *value;
        return true;
    }

    std::string past_the_end(std::size_t step, bool last) const {
        if (last) return no_results(query_);
        const bool array_wanted = query_.steps[step + 1].kind == Step::Kind::Index;
        if (array_wanted) return "The path " + query_.fragments(step + 1) + " is null";
        return property_not_found(query_, step + 1);
    }

    json::Value merged(const Step& step, const json::Value& object) {
        std::vector<json::Member> members;
        std::set<std::string_view> taken;
        budget_.step(step.names.size());
        for (std::size_t i = 0; i < step.names.size(); ++i) {
            const json::Value* value = step.member_of(object, i);
            const std::string& name = step.name_in(object, i);
            if (value == nullptr || !taken.insert(name).second) continue;
            budget_.bytes(sizeof(json::Member) + name.size());
            members.push_back({name, *value});
        }
        return json::Value::object(std::move(members));
    }

    // `firm` means that all steps so far were definite, so a missing value here is an error.
    bool visit(std::size_t at, const json::Value& value, bool firm) {
        const Budget::Depth depth(budget_);
        budget_.step();
        if (at == end_) {
            budget_.bytes(sizeof(json::Value));
            found_.push_back(value);
            return true;
        }
        const Step& step = query_.steps[at];
        switch (step.kind) {
            case Step::Kind::Member:
                return member(at, value, 0, firm);
            case Step::Kind::Members:
                return members(at, value, firm);
            case Step::Kind::Index:
            case Step::Kind::Indexes:
                if (!value.is_array()) return !firm || miss(not_an_array(query_, at, value, budget_), false);
                for (const std::int64_t index : step.indexes) {
                    if (!item(at, value, index, firm && step.is_definite())) return false;
                }
                return true;
            case Step::Kind::Slice:
                if (!value.is_array()) return !firm || miss(not_an_array(query_, at, value, budget_), false);
                return slice(at, value);
            case Step::Kind::Wildcard:
                return children(at, value);
            case Step::Kind::Descend:
                return descend(at + 1, value);
            case Step::Kind::Filter:
                return filtered(at, value, firm);
            case Step::Kind::Function:
                return true;
        }
        return true;
    }

    bool member(std::size_t at, const json::Value& value, std::size_t name, bool firm) {
        if (!value.is_object()) return !firm || miss(property_not_found(query_, at));
        const json::Value* found = query_.steps[at].member_of(value, name);
        if (found != nullptr) return visit(at + 1, *found, firm);
        return !firm || miss(at + 1 == end_ ? no_results(query_) : missing_property(query_, at));
    }

    bool members(std::size_t at, const json::Value& value, bool firm) {
        const Step& step = query_.steps[at];
        if (!value.is_object()) return !firm || miss(property_not_found(query_, at));
        budget_.step(step.names.size());
        if (at + 1 == end_) {
            found_.push_back(merged(step, value));
            return true;
        }
        for (std::size_t i = 0; i < step.names.size(); ++i) {
            if (!member(at, value, i, false)) return false;
        }
        return true;
    }

    bool item(std::size_t at, const json::Value& array, std::int64_t index, bool firm) {
        if (const json::Value* found = element(array, index)) return visit(at + 1, *found, firm);
        if (at + 1 == end_ && !strict_) return visit(at + 1, kNull, firm);
        return !firm || miss(past_the_end(at, at + 1 == end_));
    }

    bool slice(std::size_t at, const json::Value& array) {
        const Step& step = query_.steps[at];
        const auto size = static_cast<std::int64_t>(array.size());
        std::int64_t from = step.from.value_or(0);
        std::int64_t to = step.to.value_or(size);
        if (from < 0 && !step.to) from += size;
        if (to < 0 && !step.from) to += size;
        // If both ends are given, Jayway counts each index by itself, so a range across zero wraps around.
        from = std::max(from, step.to ? -size : 0);
        to = std::min(to, size);
        for (std::int64_t i = from; i < to; i += step.stride) {
            if (!item(at, array, i, false)) return false;
        }
        return true;
    }

    bool children(std::size_t at, const json::Value& value) {
        if (value.is_object()) {
            for (const json::Member& child : value.members()) {
                if (!visit(at + 1, child.value, false)) return false;
            }
        } else if (value.is_array()) {
            for (const json::Value& child : value.items()) {
                if (!visit(at + 1, child, false)) return false;
            }
        }
        return true;
    }

    bool filtered(std::size_t at, const json::Value& value, bool firm) {
        const Filter& filter = *query_.steps[at].filter;
        if (value.is_object()) {
            return !passes(filter, value, root_, budget_) || visit(at + 1, value, false);
        }
        if (value.is_array()) {
            for (const json::Value& child : value.items()) {
                if (passes(filter, child, root_, budget_) && !visit(at + 1, child, false)) return false;
            }
            return true;
        }
        if (!firm) return true;
        return miss("Filter: [?] can not be applied to primitives. Current context is: " + shown(value, budget_),
                    false);
    }

    // Applies step `at` to the value and to all containers below it that the step can apply to, parents
    // first.
    bool descend(std::size_t at, const json::Value& top) {
        std::vector<const json::Value*> pending{&top};
        while (!pending.empty()) {
            const json::Value& value = *pending.back();
            pending.pop_back();
            budget_.step();
            if (!value.is_object() && !value.is_array()) continue;
            if (applies(query_.steps[at], value) && !visit(at, value, false)) return false;
            budget_.bytes(value.size() * sizeof(const json::Value*));
            if (value.is_array()) {
                for (std::size_t i = value.size(); i-- > 0;)
                    pending.push_back(&value.items()[i]);
            } else {
                for (std::size_t i = value.size(); i-- > 0;)
                    pending.push_back(&value.members()[i].value);
            }
        }
        return true;
    }

    bool applies(const Step& step, const json::Value& value) {
        switch (step.kind) {
            case Step::Kind::Member:
                return step.member_of(value) != nullptr;
            case Step::Kind::Members:
                if (!value.is_object()) return false;
                budget_.step(step.names.size());
                for (std::size_t i = 0; i < step.names.size(); ++i) {
                    if (step.member_of(value, i) == nullptr) return false;
                }
                return true;
            case Step::Kind::Index:
            case Step::Kind::Indexes:
            case Step::Kind::Slice:
                return value.is_array();
            // Elements of an array that are containers are visited by themselves.
            case Step::Kind::Filter:
                return value.is_object();
            default:
                return true;
        }
    }

    const Query& query_;
    const json::Value& root_;
    bool strict_;
    Budget& budget_;
    std::size_t end_ = 0;
    json::Value single_;              // the result of a definite query
    std::vector<json::Value> found_;  // the results of another query
    Miss miss_;
};

}  // namespace

std::string shown(const json::Value& value, Budget& budget) {
    constexpr std::size_t kMost = 1024 * 1024;
    const std::size_t size = json::dumped_size(value);
    budget.step(std::min(size, kMost) / 16);
    return size <= kMost ? json::dump(value) : "(" + std::to_string(size) + " bytes)";
}

Result<json::Value, Miss> evaluate_query(const Query& query, const json::Value& root, Budget& budget) {
    return Walk(query, root, false, budget).run();
}

Result<json::Value, Miss> evaluate_query_strictly(const Query& query, const json::Value& root,
                                                  Budget& budget) {
    return Walk(query, root, true, budget).run();
}

}  // namespace flowctl::path
