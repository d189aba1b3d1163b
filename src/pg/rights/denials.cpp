// Implementation of denials.hpp.
#include "pg/rights/denials.hpp"

#include <algorithm>

#include "pg/rights/session_user.hpp"

namespace flowctl::pg::denials {

namespace {

// The number is the time in microseconds, or the next one that is free.
Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.denial (denial_id, at, action, object, role_name, session_user_name, subject, reason, run_id)
    VALUES ($1, coalesce($2, pg_catalog.clock_timestamp()), $3, nullif($4, ''), $5, $6, nullif($7, ''), $8, $9)
    ON CONFLICT (denial_id) DO NOTHING RETURNING denial_id)",
                     {INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID});

struct Denial {
    std::optional<std::int64_t> at;  // now, where there is none
    std::string action;
    std::string object;
    std::optional<std::string> role;
    std::optional<std::string> session_user;
    std::string subject;
    std::string reason;
    std::optional<Uuid> run_id;
};

void insert(Spi& spi, const Denial& denial) {
    static std::int64_t last = 0;
    for (;;) {
        last = std::max(last + 1, to_unix_micros(GetCurrentTimestamp()));
        Params params;
        params.int8(last);
        denial.at ? params.timestamp(*denial.at) : params.null();
        params.text(denial.action).text(denial.object).text(denial.role).text(denial.session_user);
        params.text(denial.subject).text(denial.reason);
        denial.run_id ? params.uuid(*denial.run_id) : params.null();
        if (spi.run(insert_sql, std::move(params)).size() == 1) return;
    }
}

}  // namespace

void report(Oid role, const char* action, const std::string& object, const std::string& reason) noexcept {
    mailbox::Message message;
    message.kind = mailbox::Message::Kind::Denied;
    message.database = MyDatabaseId;
    message.role = role;
    message.session_role = GetSessionUserId();
    mailbox::set(message.action, action);
    mailbox::set(message.object, object);
    mailbox::set(message.reason, reason);
    if (const auto user = session_user::current()) mailbox::set(message.subject, user->name);
    (void)mailbox::post(message);
}

void record(Spi& spi, const DeniedCall& call) {
    if (!mailbox::may_record(call.role)) return;
    insert(spi, {std::nullopt, "call", call.endpoint, role_name(call.role), std::nullopt,
                 call.subject.value_or(""), call.reason, call.run_id});
}

void record(Spi& spi, const DeniedStart& start) {
    if (!mailbox::may_record(start.role)) return;
    insert(spi, {std::nullopt, "start", start.flow, role_name(start.role), std::nullopt, "", start.reason,
                 start.run_id});
}

void record(Spi& spi, const std::vector<mailbox::Message>& denials, const std::vector<mailbox::Lost>& lost) {
    for (const mailbox::Message& denial : denials)
        insert(spi, {denial.at, denial.action, denial.object, role_name(denial.role),
                     role_name(denial.session_role), denial.subject, denial.reason, std::nullopt});
    for (const mailbox::Lost& of_role : lost) {
        std::optional<std::string> role;
        if (OidIsValid(of_role.role)) role = role_name(of_role.role);
        insert(spi, {std::nullopt, "lost", "", role, std::nullopt, "",
                     std::to_string(of_role.count) + " denied attempts came too fast to be recorded", std::nullopt});
    }
}

}  // namespace flowctl::pg::denials
