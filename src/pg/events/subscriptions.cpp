// The rules that this process keeps. See subscriptions.hpp.
//
// Callbacks run wherever the server takes messages, so they touch plain variables only.
#include "pg/events/subscriptions.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/json.hpp"
#include "pg/events/rule_options.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/catalog.hpp"

namespace flowctl::pg::events::subscriptions {

namespace {

Statement read_rules_sql(R"(
    SELECT r.rule_id, r.name, r.owner::oid, r.flow, r.event, r.filter, r.input, r.options::text,
           (SELECT pg_catalog.string_agg(e::oid::pg_catalog.text, ' ') FROM pg_catalog.unnest(r.emitters) e WHERE e::oid IS NOT NULL),
           r.emitters IS NOT NULL, r.created_at
    FROM flowctl_catalog.event_rule r
    WHERE r.enabled AND r.owner::oid IS NOT NULL ORDER BY r.name)",
                         {});
// Also those of versions that have been dropped, which runs may still have.
Statement read_awaited_sql(R"(
    SELECT DISTINCT pg_catalog.unnest(v.event_types) FROM flowctl_catalog.flow_version v WHERE v.event_types IS NOT NULL)",
                           {});

bool callback_moved = true;  // rules may have changed since they were read
Oid rules_table = InvalidOid;

void on_table(Datum, Oid table) noexcept {
    if (OidIsValid(table) && OidIsValid(rules_table) && table != rules_table) return;
    callback_moved = true;
}

// The rules by the types that they name, and by the beginnings of types.
class Known {
  public:
    void add(const std::string& pattern, Match match) {
        const bool is_prefix = pattern.ends_with('*');
        auto& lists = is_prefix ? prefixes_ : types_;
        lists[is_prefix ? pattern.substr(0, pattern.size() - 1) : pattern].push_back(std::move(match));
    }
    void want(const std::string& pattern) {
        add(pattern, {nullptr, false});
    }
    template <class Visit>
    void for_each(std::string_view type, const Visit& visit) const {
        if (const auto exact = types_.find(std::string(type)); exact != types_.end())
            for (const Match& match : exact->second)
                visit(match);
        if (prefixes_.empty()) return;
        for (std::size_t length = 0; length <= type.size(); length++)
            if (const auto found = prefixes_.find(std::string(type.substr(0, length))); found != prefixes_.end())
                for (const Match& match : found->second)
                    visit(match);
    }
    bool empty() const { return types_.empty() && prefixes_.empty(); }

    std::map<Uuid, std::shared_ptr<const Rule>> by_id;

  private:
    std::unordered_map<std::string, std::vector<Match>> types_, prefixes_;
};

Known known;

std::vector<Oid> oids_in(const std::string& text) {
    std::vector<Oid> oids;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        oids.push_back(static_cast<Oid>(std::stoul(text.substr(at, end - at))));
        at = end + 1;
    }
    return oids;
}

std::shared_ptr<const Rule> rule_of(const Rows& rows, std::size_t row) {
    auto rule = std::make_shared<Rule>();
    rule->id = rows.uuid(row, 0);
    rule->name = rows.text(row, 1);
    rule->owner = rows.oid(row, 2);
    rule->flow = rows.text(row, 3);
    rule->event = rows.text(row, 4);
    rule->filter = RuleExpression(rows.optional_text(row, 5));
    rule->input = RuleExpression(rows.optional_text(row, 6));
    const RuleOptions options = read_stored_rule_options(rows.text(row, 7));
    rule->created_at = rows.timestamp(row, 10);
    rule->raises = options.raises;
    rule->within = options.within;
    rule->threshold = options.threshold;
    rule->unless = options.unless;
    rule->key = RuleExpression(options.key);
    if (rows.boolean(row, 9)) rule->emitters = oids_in(rows.optional_text(row, 8).value_or(""));
    return rule;
}

void read() {
    const AsExtensionOwner owner;
    Spi spi;
    Known fresh;
    const Rows rules = spi.run_latest(read_rules_sql);
    for (std::size_t i = 0; i < rules.size(); i++) {
        const auto rule = rule_of(rules, i);
        fresh.by_id.emplace(rule->id, rule);
        fresh.add(rule->event, {rule, false});
        if (rule->unless) fresh.add(*rule->unless, {rule, true});
    }
    const Rows awaited = spi.run_latest(read_awaited_sql);
    for (std::size_t i = 0; i < awaited.size(); i++)
        fresh.want(awaited.text(i, 0));
    known = std::move(fresh);
}

// Reads again what has changed. False: the extension is not there.
bool refresh() {
    guarded([] {
        AcceptInvalidationMessages();
        if (!callback_moved && OidIsValid(rules_table)) return;
        const Oid schema = get_namespace_oid("flowctl_catalog", true);
        rules_table = OidIsValid(schema) ? get_relname_relid("event_rule", schema) : InvalidOid;
    });
    if (!OidIsValid(rules_table)) {
        known = {};
        return false;
    }
    if (!callback_moved) return true;
    // A message that comes while the rules are read moves it again.
    callback_moved = false;
    try {
        read();
    } catch (...) {
        callback_moved = true;
        throw;
    }
    return true;
}

}  // namespace

void install_at_load() {
    guarded([] { CacheRegisterRelcacheCallback(on_table, 0); });
}

void changed() {
    guarded([] { CacheInvalidateRelcacheByRelid(table_oid("event_rule")); });
}

std::vector<Match> matching(std::string_view type) {
    std::vector<Match> found;
    if (!refresh()) return found;
    known.for_each(type, [&](const Match& match) {
        if (match.rule != nullptr) found.push_back(match);
    });
    return found;
}

bool is_wanted(std::string_view type) {
    if (!refresh() || known.empty()) return false;
    bool wanted = false;
    known.for_each(type, [&](const Match&) { wanted = true; });
    return wanted;
}

std::shared_ptr<const Rule> find(const Uuid& id) {
    if (!refresh()) return nullptr;
    const auto found = known.by_id.find(id);
    return found == known.by_id.end() ? nullptr : found->second;
}

bool names_type(std::string_view pattern, std::string_view type) {
    if (!pattern.ends_with('*')) return pattern == type;
    pattern.remove_suffix(1);
    return type.starts_with(pattern);
}

}  // namespace flowctl::pg::events::subscriptions

FLOWCTL_FUNCTION(flowctl_event_rules_changed) {
    flowctl::pg::events::subscriptions::changed();
    return flowctl::pg::guarded([] { return PointerGetDatum(nullptr); });
}
