// The kinds of values that options have, and what a value of each kind looks like.
//
// A value is looked at by itself, without any other option, object or file.
#pragma once

#include <string_view>

namespace flowctl::pg {

enum class OptionKind {
    Text,
    Name,
    Url,
    Issuer,
    Seconds,
    Bytes,
    Boolean,
    Choice,  // one of some words
    File,
    Scope,
    Arn,
    Uuid,
    HeaderName,
    Token,
    RoleArn,
    SessionSeconds,
    PollSeconds,
    Connections,
    Count,
    Rate,
    RoleNames,
    RoleName,
    ImpersonateSeconds,
    Algorithm,
    Algorithms,
    Audience,
    Uris,
    TokenType
};

// Raises an error with a hint where the value is malformed. `choices`: of OptionKind::Choice, separated by
// ", ".
void check_option_value(std::string_view name, OptionKind kind, std::string_view choices,
                        std::string_view value);

}  // namespace flowctl::pg
