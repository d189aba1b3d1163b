// Which endpoint an ARN means: the option `arn` of flowctl_http servers. See endpoint.hpp.
#include <algorithm>
#include <vector>

#include "pg/endpoints/endpoint.hpp"

#include "pg/endpoints/known_servers.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg {

namespace {

Err<EndpointFailure> failure(const char* error, std::string cause) {
    return Err{EndpointFailure{error, std::move(cause)}};
}

}  // namespace

bool arn_covers(std::string_view pattern, std::string_view arn) noexcept {
    std::size_t p = 0;
    std::size_t a = 0;
    std::size_t star = std::string_view::npos;  // the last * met, which may yet take more
    std::size_t taken_to = 0;
    while (a < arn.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            taken_to = a;
        } else if (p < pattern.size() && pattern[p] == arn[a]) {
            p++;
            a++;
        } else if (star != std::string_view::npos && arn[taken_to] != ':') {
            p = star + 1;
            a = ++taken_to;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        p++;
    return p == pattern.size();
}

Result<std::string, EndpointFailure> endpoint_for_arn(std::string_view arn) {
    std::vector<std::string> exact;
    std::vector<std::string> covering;
    for (const CoveredArn& one : *covered_arns()) {
        if (one.pattern == arn)
            exact.push_back(one.server);
        else if (arn_covers(one.pattern, arn))
            covering.push_back(one.server);
    }
    std::vector<std::string>& chosen = exact.empty() ? covering : exact;
    if (chosen.empty())
        return failure(
            kEndpointNotFound,
            "no foreign server of wrapper flowctl_http has an option \"arn\" that covers " + in_quotes(arn));
    if (chosen.size() > 1) {
        std::sort(chosen.begin(), chosen.end());
        return failure(kEndpointConfiguration, "option \"arn\" of more than one foreign server covers " +
                                                   in_quotes(arn) + ": " + in_quotes(chosen[0]) + " and " +
                                                   in_quotes(chosen[1]));
    }
    return std::move(chosen.front());
}

Result<std::string, EndpointFailure> endpoint_for_arns(const std::vector<std::string>& arns) {
    std::optional<EndpointFailure> first;
    for (const std::string& arn : arns) {
        auto server = endpoint_for_arn(arn);
        if (server || server.error().error != kEndpointNotFound) return server;
        if (!first) first = std::move(server).error();
    }
    return Err{*std::move(first)};
}

}  // namespace flowctl::pg
