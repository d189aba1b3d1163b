// Pinned settings of our own processes. See pinned_settings.hpp.
#include "pg/server/pinned_settings.hpp"

#include <utility>

#include "pg/server/bridge.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

void pin(const char* name, const char* value) {
    SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

// For a setting that only some versions of the server have, or that belongs to another extension.
void pin_if_there(const char* name, const char* value) {
    if (GetConfigOption(name, true, false) != nullptr) pin(name, value);
}

}  // namespace

void pin_settings(Planner planner) {
    static constexpr const char* kPinned[][2] = {
        {"role", "none"},
        {"search_path", "pg_catalog, pg_temp"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"statement_timeout", "0"},
        {"lock_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"session_replication_role", "origin"},
        {"row_security", "on"},
        {"DateStyle", "ISO"},
        {"IntervalStyle", "postgres"},
        {"TimeZone", "UTC"},
        {"bytea_output", "hex"},
        {"extra_float_digits", "1"},
        {"quote_all_identifiers", "off"},
        {"standard_conforming_strings", "on"},
        {"transform_null_equals", "off"},
        {"array_nulls", "on"},
        {"xmlbinary", "base64"},
        {"xmloption", "content"},
        {"lc_monetary", "C"},
        {"client_min_messages", "warning"},
    };
    // Settings that not every version has: minor releases brought some of them, too.
    static constexpr const char* kPinnedWhereKnown[][2] = {
        {"transaction_timeout", "0"},              // 17
        {"restrict_nonsystem_relation_kind", ""},  // 17, and the minor releases of August 2024
        {"scram_iterations", "4096"},              // 16
        {"createrole_self_grant", ""},             // 16
        {"event_triggers", "on"},                  // 17
    };
    static constexpr const char* kByKey[][2] = {
        {"jit", "off"},
        {"enable_seqscan", "off"},
        {"enable_hashjoin", "off"},
        {"enable_mergejoin", "off"},
        {"plan_cache_mode", "force_generic_plan"},
    };
    // Plans and parameters hold payloads of runs, which must not get into the server's log.
    static constexpr const char* kKeepsPayloadsOut[][2] = {
        {"auto_explain.log_min_duration", "-1"},
        {"pgaudit.log_parameter", "off"},
    };
    guarded([&] {
        SetSessionAuthorization(BOOTSTRAP_SUPERUSERID, true);
        for (const auto& [name, value] : kPinned)
            pin(name, value);
        for (const auto& [name, value] : kPinnedWhereKnown)
            pin_if_there(name, value);
        for (const auto& [name, value] : kKeepsPayloadsOut)
            pin_if_there(name, value);
        if (planner != Planner::Keys) return;
        for (const auto& [name, value] : kByKey)
            pin(name, value);
        // Statements of users are audited. What the engine does is in the history.
        pin_if_there("pgaudit.log", "none");
    });
}

void pin_synchronous_commit() {
    static constexpr std::pair<int, const char*> kNames[] = {
        {SYNCHRONOUS_COMMIT_OFF, "off"},
        {SYNCHRONOUS_COMMIT_LOCAL_FLUSH, "local"},
        {SYNCHRONOUS_COMMIT_REMOTE_WRITE, "remote_write"},
        {SYNCHRONOUS_COMMIT_REMOTE_APPLY, "remote_apply"}};
    const char* value = "on";
    for (const auto& [level, name] : kNames)
        if (level == guc::synchronous_commit) value = name;
    guarded([&] { pin("synchronous_commit", value); });
}

}  // namespace flowctl::pg
