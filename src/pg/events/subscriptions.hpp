// Who asks for events of which type: the event rules, and the flows that wait for events.
//
// A process reads the rules once and keeps them until an invalidation message says that one has changed, as the
// server does with its catalogs. So an event that nobody asks for costs a lookup in memory, and a thousand rules
// cost no more than the few whose type matches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/flow_options/flow_expression.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::events {

// An expression that is compiled when it is needed first.
class RuleExpression {
  public:
    RuleExpression() = default;
    explicit RuleExpression(std::optional<std::string> written) : text_(std::move(written)) {}
    // Null: the rule has none, or it cannot be compiled.
    const FlowExpression* get() const {
        compile();
        return compiled_ ? &*compiled_ : nullptr;
    }
    // Why it cannot be compiled; null: it can, or there is none.
    const std::string* problem() const {
        compile();
        return problem_ ? &*problem_ : nullptr;
    }

  private:
    void compile() const {
        if (!text_ || compiled_ || problem_) return;
        auto compiled = FlowExpression::compile(*text_);
        if (compiled)
            compiled_ = std::move(compiled).value();
        else
            problem_ = compiled.error();
    }
    std::optional<std::string> text_;
    mutable std::optional<FlowExpression> compiled_;
    mutable std::optional<std::string> problem_;
};

// An event rule, as it is evaluated.
struct Rule {
    Uuid id{};
    std::string name;
    Oid owner = InvalidOid;
    std::string flow;
    std::string event;
    RuleExpression filter, input, key;
    std::optional<std::vector<Oid>> emitters;  // roles whose events count
    std::int64_t created_at = 0;
    bool raises = false;                       // option on_error
    std::optional<std::int64_t> within;        // microseconds
    std::int64_t threshold = 1;
    std::optional<std::string> unless;         // a type, or the beginning of types and *

    // The rule looks at more than one event, which only the worker can.
    bool remembers() const { return within.has_value(); }
};

struct Match {
    std::shared_ptr<const Rule> rule;
    bool cancels = false;  // the type is the one of the option unless
};

namespace subscriptions {

void install_at_load();
// Tells all sessions, once this transaction has committed, that rules have changed. Raises.
void changed();

// The rules that name this type. Raises.
std::vector<Match> matching(std::string_view type);
bool is_wanted(std::string_view type);
// A rule that is enabled; null: there is none any more.
std::shared_ptr<const Rule> find(const Uuid& id);

// Whether a type is one that `pattern` names: a type, or the beginning of types and *.
bool names_type(std::string_view pattern, std::string_view type);

}  // namespace subscriptions

}  // namespace flowctl::pg::events
