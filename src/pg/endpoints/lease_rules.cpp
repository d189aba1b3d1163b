// The rules of option `lease` and its companions. See lease_rules.hpp.
#include "pg/endpoints/lease_rules.hpp"

#include "net/http/url.hpp"
#include "pg/endpoints/option_rules.hpp"

namespace flowctl::pg {

namespace {

// A lease's password is sent in the clear only within this machine.
bool may_carry_password(std::string_view url) {
    const auto split = net::split_url(url);
    const auto* parts = std::get_if<net::Url>(&split);
    if (parts == nullptr) return false;
    return parts->scheme == "https" || parts->host == "localhost" || parts->host == "[::1]" ||
           (parts->host.starts_with("127.") &&
            parts->host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace

void check_lease_options(const Options& options) {
    const std::string_view lease = option(options, "lease");
    if (lease.empty()) {
        for (const char* name : {"lease_roles", "lease_member", "lease_until", "lease_connections"})
            if (options.contains(name))
                contradict(std::string("option \"") + name + "\" needs option \"lease\"",
                           "Say lease 'login' for a temporary login, or 'member' for an existing role that "
                           "becomes a member.");
        return;
    }
    const bool member = lease == "member";
    if (member)
        require(options, "lease_member", "lease 'member'", "It is the role that the service logs in as.");
    if (!member && options.contains("lease_member"))
        contradict("option \"lease_member\" needs lease 'member'",
                   "With lease 'login' the service gets a login of its own.");
    if (member && options.contains("lease_connections"))
        contradict("option \"lease_connections\" needs lease 'login'",
                   "An existing role keeps its own limit.");
    if (option(options, "auth") == "aws_sigv4" || option(options, "kind") == "prefect")
        contradict("option \"lease\" does not go with auth 'aws_sigv4' and kind 'prefect'",
                   "What is called there is not the service that does the work.");
    if (is_on(options, "follow_redirects"))
        contradict("options \"lease\" and \"follow_redirects\" exclude each other",
                   "A lease is for the url that was called.");
    if (!member && !may_carry_password(option(options, "url")))
        contradict("lease 'login' needs an https url, or one of this machine",
                   "The call carries a password.");
}

}  // namespace flowctl::pg
