// Implementation of denials.hpp.
#include "pg/rights/denials.hpp"

#include "pg/rights/session_user.hpp"

namespace flowctl::pg::denials {

namespace {

Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.denial (at, action, object, role_name, session_user_name, subject, reason, run_id)
    VALUES (coalesce($1, pg_catalog.clock_timestamp()), $2, nullif($3, ''), $4, $5, nullif($6, ''), $7, $8))",
                     {TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID});

}  // namespace

void report(Oid role, const char* action, const std::string& object, const std::string& reason) noexcept {
    mailbox::Message message;
    message.kind = mailbox::Message::Kind::Denied;
    message.database = MyDatabaseId;
    message.role = role;
    message.session_role = GetSessionUserId();
    message.at = unix_micros_now();
    mailbox::set(message.action, action);
    mailbox::set(message.object, object);
    mailbox::set(message.reason, reason);
    if (const auto user = session_user::current()) mailbox::set(message.subject, user->name);
    (void)mailbox::post(message);
}

void record(Spi& spi, const DeniedCall& call) {
    Params params;
    params.null().text("call").text(call.endpoint).text(role_name(call.role)).null();
    params.text(call.subject.value_or("")).text(call.reason).uuid(call.run_id);
    spi.run(insert_sql, std::move(params));
}

void record(Spi& spi, const std::vector<mailbox::Message>& denials, std::uint32_t lost) {
    for (const mailbox::Message& denial : denials) {
        Params params;
        params.timestamp(denial.at).text(denial.action).text(denial.object);
        params.text(role_name(denial.role)).text(role_name(denial.session_role));
        params.text(denial.subject).text(denial.reason).null();
        spi.run(insert_sql, std::move(params));
    }
    if (lost == 0) return;
    Params params;
    params.null().text("lost").text("").null().null().text("");
    params.text(std::to_string(lost) + " denied attempts came too fast to be recorded").null();
    spi.run(insert_sql, std::move(params));
}

}  // namespace flowctl::pg::denials
