// The database leases of one worker: made before their calls leave, ended with the call or the run.
//
// A lease is a row of flowctl_catalog.lease and a role, made in one transaction after the call's intent has
// committed and before the call leaves, so a crash at any point leaves both or neither, and the row says
// which role to drop. A lease ends with its call's answer (or with its run, option lease_until), when its
// time is over, when the worker leaves, or, after a crash, when the next worker finds it: a repeated call
// gets a new one. Ending means: its sessions are ended, its role is dropped; where that cannot be now it is
// disabled at once and dropped later, and the row says why. Invariants: whatever fails here fails a call at
// most and never stops the worker; VALID UNTIL bounds what no worker is there to end; no lock is waited for
// longer than kLockTimeout; a password is in memory only, until its lease ends.
//
// Called by engine, outside of transactions; begins and ends its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/machine/machine.hpp"
#include "net/crypto/secret.hpp"
#include "pg/leases/plan.hpp"
#include "pg/leases/role.hpp"

namespace flowctl::pg {

class Leases {
  public:
    Leases(int shard, int shards) : shard_(shard), shards_(shards) {}

    struct Wanted {
        const lease::Plan* plan;
        std::shared_ptr<const net::Secret> password;  // null: a member's lease, or none
        std::string error, cause;                     // why there is none
    };
    // Makes the roles of these plans.
    void grant(std::vector<Wanted>& wanted);

    void call_over(const Uuid& run, std::int64_t call_id);
    void run_over(const Uuid& run);
    // Passwords of the run's leases: to be taken out of what comes back to it.
    std::vector<std::shared_ptr<const net::Secret>> passwords_of(const Uuid& run) const;

    // Ends what is to be ended and due. The first time it takes over what an earlier worker left: leases that
    // last until their run ends stay, the others end.
    void work();
    // When work() has something to do; nullopt: nothing.
    std::optional<machine::Instant> next_at() const;
    bool due(machine::Instant now) const {
        const auto at = next_at();
        return at && *at <= now;
    }
    // The worker leaves: ends all, as far as it can be done in a short time.
    void leave();

  private:
    struct Lease {
        lease_role::Role role;
        Uuid run_id{};
        std::int64_t call_id = 0;
        bool until_run = false;
        machine::Instant valid_until = 0;
        std::shared_ptr<const net::Secret> password;
        const char* ended_by = nullptr;  // null: open
        bool dropped = false;            // a session that began meanwhile is looked for once more
        std::string problem;             // why it is not
        int tries = 0;
        machine::Instant try_at = 0;
    };
    using ById = std::multimap<Uuid, std::string>;

    bool recover();
    void add(Lease&& lease);
    void end(Lease& lease, const char* by);
    // What came of an attempt to end a lease.
    struct Attempt {
        Lease* lease;
        bool dropped = false;
        bool locked = false;  // by somebody else: neither dropped nor disabled
        std::string problem = {};
    };
    static void end_pass(const std::vector<Lease*>& leases, bool with_rows);
    static void end_one(Attempt& attempt, bool has_session, bool with_rows);
    void erase(const std::string& name);
    void retry_later(Lease& lease);

    int shard_, shards_;
    std::optional<machine::Instant> recover_at_ = 0;  // nullopt: done
    std::map<std::string, Lease> leases_;             // by the role's name
    ById of_run_;
    // When each is due: open ones at the end of their time, ended ones at their next attempt.
    std::map<std::pair<machine::Instant, std::string>, Lease*> due_;
};

}  // namespace flowctl::pg
