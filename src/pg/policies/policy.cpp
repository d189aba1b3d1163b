// Implementation of policy.hpp. Every condition is Yes, No or Unknown for the facts at hand; a policy applies
// if all are Yes, and might apply if none is No.
#include "pg/policies/policy.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "core/asl/timestamp.hpp"
#include "pg/server/catalog_watch.hpp"
#include "pg/server/guc.hpp"

extern "C" {
#include "utils/datetime.h"
}

namespace flowctl::pg::policy {

namespace {

Statement find_sql(R"(
    SELECT name, effect = 'forbid', endpoint IS NOT NULL, conditions FROM flowctl_catalog.policy
    WHERE endpoint = $1 OR endpoint IS NULL ORDER BY name)",
                   {TEXTOID});

Truth both(Truth a, Truth b) {
    return std::min(a, b);
}
Truth truth(bool value) {
    return value ? Truth::Yes : Truth::No;
}

// ---------------------------------------------------------------------------------------------- values

bool covers(std::string_view pattern, std::string_view text) {
    if (!pattern.ends_with('*')) return pattern == text;
    return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

// A value, or each of an array's.
template <class Test>
bool any_of(const json::Value& values, Test test) {
    if (!values.is_array()) return test(values);
    return std::any_of(values.items().begin(), values.items().end(), test);
}

bool names(const json::Value& wanted, std::string_view text) {
    return any_of(wanted, [&](const json::Value& value) {
        return value.is_string() && covers(value.as_string(), text);
    });
}

bool all_words_named(const json::Value& wanted, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0 && !names(wanted, text.substr(0, end))) return false;
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return true;
}

bool claim_holds(const json::Value& wanted, const json::Value* claim) {
    if (claim == nullptr) return false;
    return any_of(*claim, [&](const json::Value& has) {
        return any_of(wanted, [&](const json::Value& value) {
            if (value.is_string() && has.is_string()) return covers(value.as_string(), has.as_string());
            return json::equal(value, has);
        });
    });
}

// ---------------------------------------------------------------------------------------------- time

// Minutes of "08:30".
std::optional<int> minutes_of(const json::Value* text) {
    if (text == nullptr || !text->is_string()) return std::nullopt;
    const std::string_view s = text->as_string();
    const auto digit = [&](std::size_t i) { return s[i] >= '0' && s[i] <= '9'; };
    if (s.size() != 5 || s[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
    const int minutes = ((s[0] - '0') * 10 + (s[1] - '0')) * 60 + (s[3] - '0') * 10 + (s[4] - '0');
    return (s[3] - '0') < 6 && minutes <= 24 * 60 ? std::optional(minutes) : std::nullopt;
}

std::string zone_of(const json::Value& time) {
    const json::Value* zone = time.find("zone");
    return zone != nullptr && zone->is_string() ? std::string(zone->as_string()) : "UTC";
}

struct LocalTime {
    bool known;
    int minutes;
    int day;  // 1: Monday
};

LocalTime local_time(std::int64_t at, const std::string& zone_name) {
    const char* name = zone_name.c_str();
    return guarded([&]() -> LocalTime {
        pg_tz* zone = pg_tzset(name);
        struct pg_tm fields;
        fsec_t fraction;
        int offset = 0;
        if (zone == nullptr ||
            timestamp2tm(to_timestamp(at), &offset, &fields, &fraction, nullptr, zone) != 0)
            return {false, 0, 0};
        const int day = j2day(date2j(fields.tm_year, fields.tm_mon, fields.tm_mday));
        return {true, fields.tm_hour * 60 + fields.tm_min, day == 0 ? 7 : day};
    });
}

bool time_holds(const json::Value& time, std::int64_t at) {
    const LocalTime now = local_time(at, zone_of(time));
    if (!now.known) return false;
    if (const json::Value* days = time.find("days"))
        if (!any_of(*days,
                    [&](const json::Value& day) { return json::equal(day, json::Value::integer(now.day)); }))
            return false;
    const int from = minutes_of(time.find("from")).value_or(0);
    const int until = minutes_of(time.find("until")).value_or(24 * 60);
    if (from <= until) return now.minutes >= from && now.minutes < until;
    return now.minutes >= from || now.minutes < until;  // over midnight
}

std::optional<std::int64_t> instant(const json::Value& text) {
    if (!text.is_string()) return std::nullopt;
    const auto at = asl::parse_timestamp(text.as_string());
    return at ? std::optional(at->micros()) : std::nullopt;
}

// ---------------------------------------------------------------------------------------------- conditions

Truth of_user(const Facts& facts, const std::optional<std::string>& fact, const json::Value& wanted) {
    if (!facts.user_known) return Truth::Unknown;
    if (!fact) return truth(wanted.is_bool() && !wanted.as_bool());
    return truth(wanted.is_bool() ? wanted.as_bool() : names(wanted, *fact));
}

Truth claims_hold(const Facts& facts, const json::Value& wanted) {
    if (!facts.user_known) return Truth::Unknown;
    return truth(
        std::all_of(wanted.members().begin(), wanted.members().end(), [&](const json::Member& claim) {
            return facts.claims.is_object() && claim_holds(claim.value, facts.claims.find(claim.key));
        }));
}

Truth holds(const Facts& facts, const std::string& name, const json::Value& wanted) {
    if (name == "role") return truth(names(wanted, facts.role));
    if (name == "owner") return truth(names(wanted, facts.owner));
    if (name == "flow") return truth(names(wanted, facts.flow));
    if (name == "state") return truth(names(wanted, facts.state));
    if (name == "scope") return truth(all_words_named(wanted, facts.scope));
    if (name == "subject") return of_user(facts, facts.subject, wanted);
    if (name == "issuer") return of_user(facts, facts.issuer, wanted);
    if (name == "claims") return claims_hold(facts, wanted);
    if (!facts.at) return Truth::Unknown;
    if (name == "time") return truth(time_holds(wanted, *facts.at));
    const auto limit = instant(wanted);
    return truth(limit && (name == "after" ? *facts.at >= *limit : *facts.at < *limit));
}

// ---------------------------------------------------------------------------------------------- checking

bool is_text_list(const json::Value& value) {
    if (!value.is_array()) return value.is_string();
    return value.size() > 0 && std::all_of(value.items().begin(), value.items().end(),
                                           [](const json::Value& item) { return item.is_string(); });
}

std::optional<std::string> objection_to_time(const json::Value& time) {
    if (!time.is_object()) return "\"time\" must be an object";
    for (const json::Member& member : time.members()) {
        if (member.key == "from" || member.key == "until") {
            if (!minutes_of(&member.value)) return "\"" + member.key + "\" must be a time like \"08:00\"";
        } else if (member.key == "days") {
            if (!any_of(member.value, [](const json::Value& day) { return day.is_number(); }))
                return "\"days\" must be numbers from 1 (Monday) to 7";
        } else if (member.key == "zone") {
            const std::string zone = zone_of(time);
            const char* name = zone.c_str();
            if (!member.value.is_string() || guarded([&] { return pg_tzset(name) == nullptr; }))
                return "\"zone\" must be the name of a time zone";
        } else {
            return "\"time\" has no member \"" + shortened_name(member.key) + "\"";
        }
    }
    return std::nullopt;
}

}  // namespace

Truth applies(const Facts& facts, const json::Value& conditions) {
    Truth all = Truth::Yes;
    for (const json::Member& condition : conditions.members())
        all = both(all, holds(facts, condition.key, condition.value));
    return all;
}

std::optional<std::string> objection(const json::Value& conditions) {
    static constexpr std::array<std::string_view, 5> kTexts = {"role", "owner", "flow", "state", "scope"};
    if (!conditions.is_object()) return "they must be a JSON object";
    for (const auto& [name, value] : conditions.members()) {
        const std::string shown = "\"" + shortened_name(name) + "\"";
        if (std::find(kTexts.begin(), kTexts.end(), name) != kTexts.end()) {
            if (!is_text_list(value)) return shown + " must be a string or an array of strings";
        } else if (name == "subject" || name == "issuer") {
            if (!value.is_bool() && !is_text_list(value))
                return shown + " must be true, false, a string or an array of strings";
        } else if (name == "claims") {
            if (!value.is_object()) return shown + " must be an object: a value for each claim";
        } else if (name == "time") {
            if (auto wrong = objection_to_time(value)) return wrong;
        } else if (name == "after" || name == "before") {
            if (!instant(value)) return shown + " must be a time like \"2026-12-01T00:00:00Z\"";
        } else {
            return "there is no condition " + shown;
        }
    }
    return std::nullopt;
}

Rules rules_of(Spi& spi, std::string_view endpoint) {
    const Rows rows = spi.run(find_sql, std::move(Params().text(endpoint)));
    Rules rules;
    for (std::size_t i = 0; i < rows.size(); i++) {
        Rule& rule = rules.emplace_back();
        rule.name = rows.text(i, 0);
        rule.forbids = rows.boolean(i, 1);
        rule.names_endpoint = rows.boolean(i, 2);
        auto conditions = json::parse(rows.text(i, 3));
        if (conditions && conditions->is_object()) rule.conditions = std::move(conditions).value();
    }
    return rules;
}

const Rules& kept_rules_of(std::string_view endpoint) {
    constexpr std::size_t kMost = 1'000;
    static std::map<std::string, Rules, std::less<>> kept;
    static std::uint64_t seen = 0;
    const std::uint64_t now = catalog_watch::generation();
    if (now != seen || kept.size() == kMost) kept.clear();
    seen = now;
    const auto found = kept.find(endpoint);
    if (found != kept.end()) return found->second;
    Spi spi;
    return kept.emplace(endpoint, rules_of(spi, endpoint)).first->second;
}

bool have_a_say(const Rules& rules) {
    return !rules.empty() || guc::policy_default == guc::PolicyDefault::Deny;
}

Decision decide(const Rules& rules, const Facts& facts) {
    bool governed = guc::policy_default == guc::PolicyDefault::Deny;
    std::optional<std::string> permitted;
    for (const Rule& rule : rules) {
        governed = governed || rule.names_endpoint;
        // A rule that cannot be read still forbids, and permits nothing.
        const Truth applied = rule.conditions ? applies(facts, *rule.conditions)
                              : rule.forbids  ? Truth::Yes
                                              : Truth::No;
        const std::string name = "\"" + rule.name + "\"";
        if (rule.forbids && applied == Truth::Yes) return {false, "forbidden by policy " + name};
        if (!rule.forbids && applied != Truth::No && !permitted) permitted = "permitted by policy " + name;
    }
    if (!governed) return {};
    if (permitted) return {true, *permitted};
    return {false, "no policy permits it"};
}

}  // namespace flowctl::pg::policy
