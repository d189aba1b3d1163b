// Options of foreign servers and user mappings of the wrappers flowctl_http and flowctl_oidc: how their text is
// read, and who may set the ones that name files.
//
// A validator is given the whole new list of options at every CREATE and ALTER, and not the object that has
// them. It opens no file, and it looks at other objects only to see whether somebody else's server stands for
// the same issuer. Invariant: no option holds a secret. Options ending in `_file` are plain
// file names in flowctl.secrets_dir, and only superusers and members of pg_read_server_files may give a list
// that holds one. A validator cannot tell an old option from a new one, so this is true for every ALTER of such
// an object as well.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

inline constexpr std::string_view kHttpWrapper = "flowctl_http";
inline constexpr std::string_view kOidcWrapper = "flowctl_oidc";

// By name, so that their order is always the same.
using Options = std::map<std::string, std::string, std::less<>>;

// Copies a list of DefElem, as the server keeps options in memory.
Options to_options(List* list);

// The value, or "" where the option is not set.
std::string_view option(const Options& options, std::string_view name);

// nullopt: the option is not set.
std::optional<std::string> if_set(const Options& options, std::string_view name);
using Seconds = std::chrono::duration<double>;
Seconds seconds_or(const Options& options, std::string_view name, Seconds fallback);

// What values may look like; nullopt: malformed.
std::optional<double> read_seconds(std::string_view text);     // 0.001 to 86400
std::optional<std::size_t> read_bytes(std::string_view text);  // 1 to 64 MB
std::optional<bool> read_boolean(std::string_view text);       // as the server's booleans

// Whether the role may set an option that names a file: superusers and members of pg_read_server_files.
bool may_name_files(Oid role);

// Whether the role may say whose users' tokens are taken (option subject_audience): superusers, and roles that
// have USAGE on the wrapper flowctl_oidc WITH GRANT OPTION. With USAGE alone anybody could let tokens of his own
// making speak for the users of somebody else's issuer.
bool may_declare_issuers(Oid role);

// The option that names a file, if there is one.
std::optional<std::string> file_option(const Options& options);

}  // namespace flowctl::pg
