// See session_groups.hpp.
#include "pg/approvals/session_groups.hpp"

#include "core/json.hpp"
#include "pg/rights/session_user.hpp"
#include "pg/server/bridge.hpp"

namespace flowctl::pg::approvals {

std::vector<std::string> session_groups() {
    const auto user = session_user::current();
    if (!user || user->expires_at <= unix_micros_now()) return {};
    json::ParseLimits limits;
    limits.max_bytes = user->claims.size() + 1;
    const auto claims = json::parse(user->claims, limits);
    const json::Value* const groups = claims.ok() ? claims->find("groups") : nullptr;
    if (groups == nullptr) return {};
    std::vector<std::string> names;
    const auto add = [&](const json::Value& one) {
        if (one.is_string()) names.push_back("group:" + user->server + "/" + std::string(one.as_string()));
    };
    if (groups->is_array())
        for (const json::Value& one : groups->items())
            add(one);
    else
        add(*groups);
    return names;
}

// For views: the session's own groups, so it tells nobody anything new.
FLOWCTL_FUNCTION(flowctl_session_groups) {
    (void)fcinfo;
    const std::vector<std::string> groups = session_groups();
    return guarded([&] {
        auto* const elements = static_cast<Datum*>(palloc(sizeof(Datum) * (groups.size() + 1)));
        for (std::size_t i = 0; i < groups.size(); i++)
            elements[i] = PointerGetDatum(cstring_to_text_with_len(groups[i].data(), static_cast<int>(groups[i].size())));
        return PointerGetDatum(construct_array(elements, static_cast<int>(groups.size()), TEXTOID, -1, false, TYPALIGN_INT));
    });
}

}  // namespace flowctl::pg::approvals
