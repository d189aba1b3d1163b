// Reading the options of foreign servers and user mappings. See options.hpp.
#include <charconv>
#include <cmath>

#include "pg/endpoints/options.hpp"

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

namespace {

constexpr double kMaxSeconds = 86'400;
constexpr std::size_t kMaxBytes = 64 * 1024 * 1024;

}  // namespace

Options to_options(List* list) {
    Options options;
    for (int i = 0; i < list_length(list); i++) {
        auto* element = static_cast<DefElem*>(list_nth(list, i));
        const char* value = guarded([&] { return defGetString(element); });
        options.insert_or_assign(element->defname, value);
    }
    return options;
}

std::string_view option(const Options& options, std::string_view name) {
    const auto found = options.find(name);
    return found == options.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<std::string> if_set(const Options& options, std::string_view name) {
    const std::string_view value = option(options, name);
    if (value.empty()) return std::nullopt;
    return std::string(value);
}

Seconds seconds_or(const Options& options, std::string_view name, Seconds fallback) {
    const auto value = read_seconds(option(options, name));
    return value ? Seconds(*value) : fallback;
}

std::optional<double> read_seconds(std::string_view text) {
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (!std::isfinite(value) || value < 0.001 || value > kMaxSeconds) return std::nullopt;
    return value;
}

std::optional<std::size_t> read_bytes(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > kMaxBytes)
        return std::nullopt;
    return static_cast<std::size_t>(value);
}

std::optional<bool> read_boolean(std::string_view text) {
    if (text.empty()) return std::nullopt;  // the server's parser reads at least one byte
    bool value = false;
    if (!parse_bool_with_len(text.data(), text.size(), &value)) return std::nullopt;
    return value;
}

bool may_name_files(Oid role) {
    return guarded([&] { return has_privs_of_role(role, ROLE_PG_READ_SERVER_FILES); });
}

bool may_declare_issuers(Oid role) {
    return guarded([&] {
        if (superuser_arg(role)) return true;
        const Oid wrapper = get_foreign_data_wrapper_oid(kOidcWrapper.data(), true);
        return OidIsValid(wrapper) &&
               wrapper_aclcheck(wrapper, role, ACL_GRANT_OPTION_FOR(ACL_USAGE)) == ACLCHECK_OK;
    });
}

std::optional<std::string> file_option(const Options& options) {
    for (const auto& [name, value] : options)
        if (name.ends_with("_file")) return name;
    return std::nullopt;
}

}  // namespace flowctl::pg
