// AWS's optimized integrations: which services and actions there are, with which suffixes, and what a call of one
// cannot do without.
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
    // Members that the state's Parameters or Arguments must have. Of names with bars between them, one.
    std::span<const std::string_view> required = {};
};

// Null for an action that the service does not have, and for a service that has no optimized integration.
const Integration* find_integration(std::string_view service, std::string_view action) noexcept;

// "arn:<partition>:states:[<region>]:[<account>]:<rest>": the rest, whatever the partition; nothing for another text.
std::optional<std::string_view> integration_of_arn(std::string_view arn) noexcept;

}  // namespace flowctl::asl
