// The database leases of one worker: made before their calls leave, ended with the call or the run.
//
// A lease is a role and a row that names it, made in one transaction after the call's intent has committed
// and before the call leaves. So a crash at any point leaves both or neither, and the row says which role to
// drop. A lease ends with the answer of its call (or with its run: option lease_until), when its time is
// over, when the worker leaves, or, after a crash, when the next worker finds it; a repeated call gets a new
// one. To end a lease, its sessions are terminated and its role is dropped. A role that cannot be dropped yet
// is disabled at once and dropped later, and the row says why. Invariants:
//   - a failure here fails a call at most and never stops the worker;
//   - VALID UNTIL bounds a lease that no worker is there to end;
//   - no lock is waited for longer than kLockTimeout;
//   - a password is in memory only, until its lease ends.
//
// A part of the worker's turn: it learns from the turn which calls and runs are over, and ends what is due at
// the beginning of each turn. Everything here runs outside of transactions; it begins and ends its own.
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
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class Leases final : public Part {
  public:
    Leases(int shard, int shards) : shard_(shard), shards_(shards) {}

    // Ends the leases that are due. The first time it takes over what an earlier worker left: leases that
    // last until their run ends stay, the others end.
    void collect() override;
    std::optional<machine::Instant> next_at() const override;
    void committed(const Changes& changes) override;
    // Ends all leases, as far as that can be done in a short time.
    void leave() override;

    struct Wanted {
        const lease::Plan* plan;
        std::shared_ptr<const net::Secret> password;  // null: a member's lease, or none
        std::string error, cause;                     // why there is no lease
    };
    // Makes the roles of these plans.
    void grant(std::vector<Wanted>& wanted);

    void call_over(const Uuid& run, std::int64_t call_id);
    // The passwords of the run's leases, which are taken out of the answers of its calls.
    std::vector<std::shared_ptr<const net::Secret>> passwords_of(const Uuid& run) const;

  private:
    struct Lease {
        lease_role::Role role;
        Uuid run_id{};
        std::int64_t call_id = 0;
        bool until_run = false;
        machine::Instant valid_until = 0;
        std::shared_ptr<const net::Secret> password;
        const char* ended_by = nullptr;  // null: open
        bool dropped = false;            // it stays for a while, to look for sessions that began meanwhile
        std::string problem;             // why the role is not dropped
        int tries = 0;
        machine::Instant try_at = 0;
    };
    using ById = std::multimap<Uuid, std::string>;

    void run_over(const Uuid& run);
    bool recover();
    void add(Lease&& lease);
    void end(Lease& lease, const char* by);
    // The outcome of an attempt to end a lease.
    struct Attempt {
        Lease* lease;
        bool dropped = false;
        bool locked = false;  // somebody else has locked it, so it is neither dropped nor disabled
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
    // When each lease is due: an open one at the end of its time, an ended one at the next attempt to drop
    // it.
    std::map<std::pair<machine::Instant, std::string>, Lease*> due_;
};

}  // namespace flowctl::pg
