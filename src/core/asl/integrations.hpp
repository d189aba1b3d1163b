// AWS's optimized integrations: the services and their actions, the suffixes that an action takes, and the
// parameters that it needs.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace flowctl::asl {

struct Integration {
    std::string_view service;
    std::string_view action;
    bool sync = false;            // takes .sync
    bool sync_json = false;       // takes .sync:2
    bool wait_for_token = false;  // takes .waitForTaskToken
    // Members that the state's Parameters or Arguments must have. In an entry with bars, one of the names
    // between the bars must be there.
    std::span<const std::string_view> required = {};
};

// Null if the service has no such action or no optimized integration.
const Integration* find_integration(std::string_view service, std::string_view action) noexcept;

// The rest of "arn:<partition>:states:[<region>]:[<account>]:<rest>", whatever the partition; nothing for any
// other text.
std::optional<std::string_view> integration_of_arn(std::string_view arn) noexcept;

}  // namespace flowctl::asl
