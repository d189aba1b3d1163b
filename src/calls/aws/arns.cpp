// ARNs in inputs. See arns.hpp.
#include "calls/aws/arns.hpp"

namespace flowctl::calls::aws {

void add_arn(std::vector<std::string>& targets, std::string_view service, std::string_view arn) {
    const std::size_t partition = arn.find(':', 4);
    if (!arn.starts_with("arn:") || arn.size() > 2'048 || partition == arn.npos) return;
    if (!arn.substr(partition + 1).starts_with(std::string(service) + ":")) return;
    targets.emplace_back(arn);
}

}  // namespace flowctl::calls::aws
