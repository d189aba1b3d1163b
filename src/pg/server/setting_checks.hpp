// What values of settings are refused, and the sentence that the server adds to its message about one.
//
// The server calls these whenever a value is set or read from a file; none of them raises.
#pragma once

#include "pg/server/prelude.hpp"

namespace flowctl::pg::guc {

bool check_secrets_dir(char** value, void** extra, GucSource source) noexcept;
bool check_pkcs11_module(char** value, void** extra, GucSource source) noexcept;
bool check_egress_allow(char** value, void** extra, GucSource source) noexcept;
bool check_proxy(char** value, void** extra, GucSource source) noexcept;
bool check_issuer_url(char** value, void** extra, GucSource source) noexcept;
bool check_key_files(char** value, void** extra, GucSource source) noexcept;
bool check_arn_partition(char** value, void** extra, GucSource source) noexcept;
bool check_arn_region(char** value, void** extra, GucSource source) noexcept;
bool check_arn_account(char** value, void** extra, GucSource source) noexcept;
bool check_traceparent(char** value, void** extra, GucSource source) noexcept;
bool check_schedule_clock(char** value, void** extra, GucSource source) noexcept;

}  // namespace flowctl::pg::guc
