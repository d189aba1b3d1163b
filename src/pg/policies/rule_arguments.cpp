// Reading the arguments of rules. See rule_arguments.hpp.
#include "pg/policies/rule_arguments.hpp"

#include "pg/endpoints/endpoint.hpp"
#include "pg/policies/policy.hpp"
#include "pg/rights/flow_rights.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxNameBytes = 80;
constexpr std::size_t kMaxConditionsBytes = 64 * 1024;
constexpr std::size_t kMaxConditionsDepth = 16;

}  // namespace

void check_rule_name(const std::string& name, const char* one, const char* many) {
    if (!name.empty() && name.size() <= kMaxNameBytes) return;
    throw UserError(ERRCODE_INVALID_NAME, "\"" + shortened_name(name) + "\" is not a valid name for a " + one,
                    std::string("Names of ") + many + " have 1 to 80 bytes.");
}

bool acts_for_owner_of(const std::string& endpoint) {
    if (guarded([] { return superuser(); })) return true;
    const auto owner = endpoint_owner(endpoint);
    return owner && acts_for(GetUserId(), *owner);
}

json::Value conditions_argument(FunctionCallInfo fcinfo, int index) {
    const auto printed = jsonb_argument_text(fcinfo, index);
    if (!printed) return json::Value::object({});
    json::ParseLimits limits;
    limits.max_bytes = kMaxConditionsBytes;
    limits.max_depth = kMaxConditionsDepth;
    auto conditions = json::parse(*printed, limits);
    const auto wrong =
        conditions ? policy::objection(*conditions) : std::optional(conditions.error().message);
    if (wrong)
        throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "conditions are not valid: " + *wrong,
                        "They are an object with any of role, owner, flow, state, scope, subject, issuer, "
                        "claims, time, after, before.");
    return std::move(conditions).value();
}

}  // namespace flowctl::pg
