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

// Whether everything that `narrow` covers is covered by `wide`, too, and not the other way round. A * of the
// narrow one, read as a character, can only be covered by a * of the wide one.
bool is_narrower(std::string_view narrow, std::string_view wide) {
    return arn_covers(wide, narrow) && !arn_covers(narrow, wide);
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

bool may_cover_service(std::string_view service) {
    const auto all = covered_arns();
    return std::any_of(all->begin(), all->end(), [&](const CoveredArn& one) {
        std::string_view rest = one.pattern;  // its third part is the service
        for (int part = 0; part < 2 && !rest.empty(); part++)
            rest.remove_prefix(std::min(rest.find(':'), rest.size() - 1) + 1);
        return arn_covers(rest.substr(0, rest.find(':')), service);
    });
}

Result<std::string, EndpointFailure> endpoint_for_arn(std::string_view arn) {
    const auto all = covered_arns();
    std::vector<const CoveredArn*> covering;
    for (const CoveredArn& one : *all)
        if (arn_covers(one.pattern, arn)) covering.push_back(&one);
    if (covering.empty())
        return failure(
            kEndpointNotFound,
            "no foreign server of wrapper flowctl_http has an option \"arn\" that covers " + in_quotes(arn));
    // Patterns that no other of them is narrower than.
    std::vector<std::string> narrowest;
    for (const CoveredArn* one : covering)
        if (std::none_of(covering.begin(), covering.end(),
                         [&](const CoveredArn* other) { return is_narrower(other->pattern, one->pattern); }))
            narrowest.push_back(one->server);
    if (narrowest.size() == 1) return std::move(narrowest.front());
    std::sort(narrowest.begin(), narrowest.end());
    return failure(kEndpointConfiguration, "option \"arn\" of more than one foreign server covers " +
                                               in_quotes(arn) + ", and neither is narrower: " +
                                               in_quotes(narrowest[0]) + " and " + in_quotes(narrowest[1]));
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
