// Making and ending leases; see open_leases.hpp.
#include "pg/leases/open_leases.hpp"

#include <algorithm>
#include <stdexcept>

#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"
#include "pg/store/run_id.hpp"

namespace flowctl::pg {

namespace {

// Milliseconds. A lease whose role somebody has locked is ended later, or is not made and fails its call.
constexpr int kLockTimeout = 100;
constexpr int kAfterALock = 1;  // ms; after one timeout the rest of the transaction does not wait again
constexpr machine::Instant kFirstRetry = 20'000;
constexpr machine::Instant kLongestRetry = 60'000'000;
// A session may have been starting while its role was dropped, so sessions are looked for once more.
constexpr machine::Instant kLookAgain = 1'000'000;
constexpr machine::Instant kRecoverAgain = 1'000'000;
constexpr int kTriesWithSessions = 8;  // after that the role is dropped even if it still has a session
constexpr int kPassesAtLeave = 20;
constexpr long kPauseAtLeave = 20;  // ms

Statement insert_sql(R"(
    INSERT INTO flowctl_catalog.lease (role_name, role_oid, database_oid, kind, roles, rules, member, endpoint, run_id, call_id, sending,
                               until_run, created_at, valid_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, pg_catalog.clock_timestamp(), $13))",
                     {TEXTOID, OIDOID, OIDOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID, UUIDOID,
                      INT4OID, INT4OID, BOOLOID, TIMESTAMPTZOID});
Statement ended_sql(R"(
    UPDATE flowctl_catalog.lease SET ended_at = coalesce(ended_at, pg_catalog.clock_timestamp()), ended_by = coalesce(ended_by, $2)
    WHERE role_name = $1)",
                    {TEXTOID, TEXTOID});
Statement dropped_sql(R"(
    UPDATE flowctl_catalog.lease SET dropped_at = pg_catalog.clock_timestamp(), problem = NULL WHERE role_name = $1)",
                      {TEXTOID});
Statement problem_sql("UPDATE flowctl_catalog.lease SET problem = $2 WHERE role_name = $1",
                      {TEXTOID, TEXTOID});
// A copy of a database has the rows of leases, but their roles are the original's.
Statement copied_sql(R"(
    UPDATE flowctl_catalog.lease SET ended_at = coalesce(ended_at, pg_catalog.clock_timestamp()), ended_by = coalesce(ended_by, 'COPY'),
                             dropped_at = pg_catalog.clock_timestamp()
    WHERE dropped_at IS NULL AND database_oid <> $1)",
                     {OIDOID});
Statement left_sql(R"(
    SELECT l.role_name, l.role_oid, l.kind, l.member, l.roles[1], l.run_id, l.call_id, l.until_run, l.valid_until, l.ended_by,
           EXISTS (SELECT FROM flowctl_catalog.run r WHERE r.run_id = l.run_id AND r.status = 'RUNNING')
    FROM flowctl_catalog.lease l WHERE l.dropped_at IS NULL)",
                   {});

// Short waits, for locks that sessions hold on roles.
void bound_lock_waits(int milliseconds) {
    guarded([&] {
        (void)set_config_option("lock_timeout", psprintf("%d", milliseconds), PGC_SUSET, PGC_S_SESSION,
                                GUC_ACTION_LOCAL, true, 0, false);
    });
}

std::vector<std::optional<std::string_view>> views(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

void log_problem(const std::string& role, const std::string& problem) {
    const char* name = role.c_str();
    const char* why = problem.c_str();
    guarded([&] {
        ereport(LOG,
                (errmsg("pg_flowctl: the role of a database lease cannot be dropped yet: %s", name),
                 errdetail_internal("%s", why),
                 errhint("It can log in no more. The view flowctl.leases shows it until it is dropped.")));
    });
}

// The constants that a row's ended_by may hold.
const char* reason(const std::optional<std::string>& text) {
    for (const char* one : {"CALL", "RUN", "EXPIRED", "RESTART", "LEFT"})
        if (text == one) return one;
    return nullptr;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- in memory

void Leases::add(Lease&& lease) {
    const std::string name = lease.role.name;
    of_run_.emplace(lease.run_id, name);
    Lease& kept = leases_[name] = std::move(lease);
    kept.try_at = kept.valid_until;
    due_.emplace(std::make_pair(kept.try_at, name), &kept);
}

void Leases::erase(const std::string& name) {
    const auto found = leases_.find(name);
    if (found == leases_.end()) return;
    due_.erase({found->second.try_at, name});
    const auto [first, last] = of_run_.equal_range(found->second.run_id);
    for (auto one = first; one != last; ++one)
        if (one->second == name) {
            of_run_.erase(one);
            break;
        }
    leases_.erase(found);
}

void Leases::end(Lease& lease, const char* by) {
    if (lease.ended_by != nullptr) return;
    lease.ended_by = by;
    lease.password.reset();
    due_.erase({lease.try_at, lease.role.name});
    lease.try_at = 0;
    due_.emplace(std::make_pair(lease.try_at, lease.role.name), &lease);
}

void Leases::retry_later(Lease& lease) {
    due_.erase({lease.try_at, lease.role.name});
    const machine::Instant pause =
        lease.dropped ? kLookAgain : std::min(kFirstRetry << std::min(lease.tries, 12), kLongestRetry);
    lease.tries++;
    lease.try_at = unix_micros_now() + pause;
    due_.emplace(std::make_pair(lease.try_at, lease.role.name), &lease);
}

void Leases::call_over(const Uuid& run, std::int64_t call_id) {
    if (leases_.empty()) return;
    const auto [first, last] = of_run_.equal_range(run);
    for (auto one = first; one != last; ++one)
        if (Lease& lease = leases_.at(one->second); lease.call_id == call_id && !lease.until_run)
            end(lease, "CALL");
}

void Leases::run_over(const Uuid& run) {
    const auto [first, last] = of_run_.equal_range(run);
    for (auto one = first; one != last; ++one)
        end(leases_.at(one->second), "RUN");
}

std::vector<std::shared_ptr<const net::Secret>> Leases::passwords_of(const Uuid& run) const {
    std::vector<std::shared_ptr<const net::Secret>> passwords;
    if (leases_.empty()) return passwords;
    const auto [first, last] = of_run_.equal_range(run);
    for (auto one = first; one != last; ++one)
        if (const auto& password = leases_.at(one->second).password) passwords.push_back(password);
    return passwords;
}

std::optional<machine::Instant> Leases::next_at() const {
    std::optional<machine::Instant> at = recover_at_;
    if (!due_.empty()) at = std::min(at.value_or(due_.begin()->first.first), due_.begin()->first.first);
    return at;
}

// ---------------------------------------------------------------------------------------------- making

void Leases::grant(std::vector<Wanted>& wanted) {
    std::vector<Lease> made;
    const auto fail = [](Wanted& one, const std::string& why) {
        one.error = lease::kLeaseFailed;
        one.cause = "no lease can be had for endpoint \"" + one.plan->parties.endpoint + "\": " + why;
        one.password.reset();
    };
    const auto open = static_cast<std::size_t>(
        std::count_if(leases_.begin(), leases_.end(), [](const auto& one) { return !one.second.dropped; }));
    std::string locked;  // why a lock could not be had; the other leases do not wait for it again
    try {
        Transaction transaction("pg_flowctl: making database leases");
        bound_lock_waits(kLockTimeout);
        for (Wanted& one : wanted) {
            const lease::Plan& plan = *one.plan;
            if (!locked.empty()) {
                fail(one, locked);
                continue;
            }
            if (open + made.size() >= static_cast<std::size_t>(guc::max_leases)) {
                fail(one, "flowctl.max_leases (" + std::to_string(guc::max_leases) + ") are open");
                continue;
            }
            try {
                Subtransaction subtransaction;
                std::optional<std::string> wrong;
                Oid oid = InvalidOid;
                {
                    Spi spi;
                    for (const std::string& role : plan.roles)
                        if (!wrong) wrong = lease::objection(spi, role, plan.parties);
                    if (!wrong && plan.kind == lease::Kind::Member)
                        wrong = lease::objection_to_member(plan.member);
                    if (!wrong) {
                        const bool login = plan.kind == lease::Kind::Login;
                        auto password = std::make_shared<const net::Secret>(lease_role::new_password());
                        oid = lease_role::create(plan, *password);
                        Params params;
                        params.text(plan.role_name).oid(oid).oid(MyDatabaseId);
                        params.text(login ? "LOGIN" : "MEMBER").texts(views(plan.roles));
                        params.texts(views(plan.rules));
                        login ? params.null() : params.text(plan.member);
                        params.text(plan.parties.endpoint).uuid(plan.run_id);
                        params.int4(static_cast<std::int32_t>(plan.call_id)).int4(plan.sending);
                        params.boolean(plan.until_run).timestamp(plan.valid_until);
                        spi.run(insert_sql, std::move(params));
                        if (login) one.password = std::move(password);
                    }
                }
                if (wrong) {
                    fail(one, *wrong);
                    one.error = "States.Permissions";
                    continue;
                }
                subtransaction.commit();
                Lease& lease = made.emplace_back();
                lease.role = {plan.role_name, oid, plan.kind, plan.member, plan.roles.front()};
                lease.run_id = plan.run_id;
                lease.call_id = plan.call_id;
                lease.until_run = plan.until_run;
                lease.valid_until = plan.valid_until;
                lease.password = one.password;
            } catch (PgError& error) {
                fail(one, error.what());
                if (error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE) locked = error.what();
            }
        }
        transaction.commit();
    } catch (PgError& error) {
        for (Wanted& one : wanted)
            if (one.error.empty()) fail(one, error.what());
        error.report();
        return;
    }
    for (Lease& lease : made)
        add(std::move(lease));
}

// ---------------------------------------------------------------------------------------------- ending

// In a subtransaction: drops the role, or disables it where it cannot be dropped, and notes that in its row.
// Anybody can lock a role (BEGIN; GRANT ... TO it), without any privilege. That keeps the role from being
// dropped, but not from being disabled.
void Leases::end_one(Attempt& attempt, bool has_session, bool with_rows) {
    const Lease& lease = *attempt.lease;
    enum class Way { Drop, ReassignAndDrop, Disable, DisableOnly };
    const bool drops = !has_session || lease.tries >= kTriesWithSessions;
    if (!drops) attempt.problem = "its sessions have not ended yet";
    bool owns_something = false;
    for (const Way way : {Way::Drop, Way::ReassignAndDrop, Way::Disable, Way::DisableOnly}) {
        const bool is_drop = way == Way::Drop || way == Way::ReassignAndDrop;
        if (is_drop && !drops) continue;
        if (way == Way::ReassignAndDrop && !owns_something) continue;
        try {
            Subtransaction subtransaction;
            // Somebody may have dropped it by hand.
            const bool gone = !lease_role::exists(lease.role);
            if (is_drop && !gone) lease_role::drop(lease.role, way == Way::ReassignAndDrop);
            if (!is_drop && !gone) lease_role::disable(lease.role);
            if (with_rows && way != Way::DisableOnly) {
                Spi spi;
                spi.run(ended_sql, std::move(Params().text(lease.role.name).text(lease.ended_by)));
                if (is_drop || gone)
                    spi.run(dropped_sql, std::move(Params().text(lease.role.name)));
                else
                    spi.run(problem_sql, std::move(Params().text(lease.role.name).text(attempt.problem)));
            }
            subtransaction.commit();
            attempt.dropped = is_drop || gone;
            attempt.locked = false;
            return;
        } catch (PgError& error) {
            owns_something = error.sqlstate() == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST;
            if (is_drop || attempt.problem.empty()) attempt.problem = error.what();
            attempt.locked = error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE;
        }
        if (attempt.locked) bound_lock_waits(kAfterALock);
    }
}

// One attempt at each, in one transaction. Sessions are ended first; roles without any are dropped. Members'
// roles are dropped at once: the sessions are the member's own.
void Leases::end_pass(const std::vector<Lease*>& leases, bool with_rows) {
    std::vector<Attempt> attempts;
    try {
        Transaction transaction("pg_flowctl: ending database leases");
        bound_lock_waits(kLockTimeout);
        std::vector<Oid> logins, busy;
        for (const Lease* lease : leases)
            if (lease->role.kind == lease::Kind::Login) logins.push_back(lease->role.oid);
        {
            Spi spi;
            busy = lease_role::end_sessions(spi, logins);
        }
        for (Lease* lease : leases) {
            if (lease->dropped) continue;
            const bool has_session = std::find(busy.begin(), busy.end(), lease->role.oid) != busy.end();
            end_one(attempts.emplace_back(Attempt{lease}), has_session, with_rows);
            if (attempts.back().locked) break;  // all of them need this lock
        }
        transaction.commit();
    } catch (PgError& error) {
        error.report();
        return;
    }
    for (Attempt& attempt : attempts) {
        attempt.lease->dropped = attempt.dropped;
        attempt.lease->problem = std::move(attempt.problem);
    }
}

void Leases::committed(const Changes& changes) {
    if (leases_.empty()) return;
    for (const auto& [run, call_id] : changes.dropped_calls)
        call_over(run, call_id);
    for (const Uuid& run : changes.ended)
        run_over(run);
}

void Leases::collect() {
    const machine::Instant now = unix_micros_now();
    const std::optional<machine::Instant> at = next_at();
    if (!at || *at > now) return;
    if (recover_at_ && *recover_at_ <= now) {
        recover_at_.reset();
        if (!recover()) recover_at_ = unix_micros_now() + kRecoverAgain;
    }
    std::vector<Lease*> ready;
    std::vector<std::string> over;
    for (auto one = due_.begin(); one != due_.end() && one->first.first <= now; ++one)
        ready.push_back(one->second);
    if (ready.empty()) return;
    for (Lease* lease : ready) {
        if (lease->dropped) over.push_back(lease->role.name);
        if (lease->ended_by == nullptr) {
            lease->ended_by = "EXPIRED";
            lease->password.reset();
        }
    }
    end_pass(ready, true);
    for (Lease* lease : ready) {
        if (lease->dropped && lease->role.kind == lease::Kind::Member) over.push_back(lease->role.name);
        if (!lease->dropped && lease->tries == kTriesWithSessions)
            log_problem(lease->role.name, lease->problem);
        retry_later(*lease);
    }
    for (const std::string& name : over)
        erase(name);
}

void Leases::leave() {
    for (auto& [name, lease] : leases_)
        end(lease, "LEFT");
    // The tables are gone with the extension.
    bool with_rows = true;
    for (int pass = 0; pass < kPassesAtLeave; pass++) {
        std::vector<Lease*> left;
        for (auto& [name, lease] : leases_)
            if (!lease.dropped) left.push_back(&lease);
        if (left.empty()) return;
        try {
            Transaction transaction("pg_flowctl: looking for the extension");
            with_rows = OidIsValid(extension_oid());
            transaction.commit();
            end_pass(left, with_rows);
        } catch (PgError& error) {
            error.report();
        }
        guarded([] { pg_usleep(kPauseAtLeave * 1000L); });
    }
}

// ---------------------------------------------------------------------------------------- after a crash

// False: it has failed and is to be tried again.
bool Leases::recover() {
    std::vector<Lease> left;
    try {
        Transaction transaction("pg_flowctl: looking for database leases");
        {
            Spi spi;
            spi.run(copied_sql, std::move(Params().oid(MyDatabaseId)));
            const Rows rows = spi.run(left_sql);
            for (std::size_t i = 0; i < rows.size(); i++) {
                const Uuid run = rows.uuid(i, 5);
                if (shard_of(bucket_of(run), shards_) != shard_) continue;
                if (leases_.contains(rows.text(i, 0))) continue;  // made meanwhile
                Lease& lease = left.emplace_back();
                const bool member = rows.text(i, 2) == "MEMBER";
                lease.role = {rows.text(i, 0), rows.oid(i, 1),
                              member ? lease::Kind::Member : lease::Kind::Login, rows.text(i, 3),
                              rows.text(i, 4)};
                lease.run_id = run;
                lease.call_id = rows.int4(i, 6);
                lease.until_run = rows.boolean(i, 7);
                lease.valid_until = rows.timestamp(i, 8);
                lease.ended_by = reason(rows.optional_text(i, 9));
                const bool goes_on = lease.until_run && rows.boolean(i, 10);
                if (!goes_on && lease.ended_by == nullptr) lease.ended_by = "RESTART";
                if (lease.ended_by != nullptr) lease.valid_until = 0;
            }
        }
        transaction.commit();
    } catch (PgError& error) {
        error.report();
        return false;
    }
    for (Lease& lease : left)
        add(std::move(lease));
    return true;
}

}  // namespace flowctl::pg
