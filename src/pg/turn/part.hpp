// Part: what a capability gives to the worker's turn.
//
// A worker's loop takes turns (engine/turn.hpp). A capability that has something to do in them (map runs,
// leases, an issuer's keys) is a Part: one class in a folder of its own, and one row in processes/parts.cpp.
// It overrides what it needs; everything else does nothing. All of it runs in the worker's process and never
// at the same time.
//
// The order within a turn, for all parts one after the other:
//
//   collect, answered    what has come in; also while the engine pauses
//   load, look           in the transaction of a sweep
//   give                 runs that are to begin
//   begin                the turn's transaction has begun
//     hold_back          which runs may not begin yet
//     readmit            whether a run that is redriven may go on yet
//     apply, told        for each item: it is done now, and whether its run took it
//     effect             for what a run wants done
//     write              the rows
//   committed            memory follows the tables, and effects leave
//   work                 slices of its own, in transactions of its own
//
// When the turn's transaction fails, nothing of it has happened: the items are tried again one by one, each
// with begin() again. So apply, effect and write only stage what they want, in members that begin() clears,
// and committed() makes it true. An item that fails by itself ends its run, and failed() says what that means
// to the part.
//
// What a method throws: within a transaction PgError and std::exception, which fail the transaction; all
// others throw nothing. A part that begins a transaction by itself reports what goes wrong by itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/machine/machine.hpp"
#include "net/client.hpp"
#include "pg/shared/mailbox.hpp"
#include "pg/store/run_id.hpp"
#include "pg/turn/changes.hpp"
#include "pg/turn/item.hpp"
#include "pg/turn/version.hpp"

namespace flowctl::pg {

// The run that wants something done.
struct EffectOf {
    const Uuid& run;
    Oid owner;  // of its flow
    const std::shared_ptr<const CompiledVersion>& version;
};

// A run that has ended and is about to go on, because somebody redrives it.
struct RedrivenRun {
    const Uuid& run;
    const Uuid& flow_id;
    const std::string& flow;
    Oid flow_owner;
    const json::Value& input;
};

class Part {
  public:
    Part() = default;
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    virtual ~Part() = default;

    // ------------------------------------------------------------------- outside of transactions

    // At the beginning of each turn, also of one that does nothing because the engine pauses: takes what has
    // come in, which would keep the loop from sleeping.
    virtual void collect() {}
    // The answer of a request that this part has sent (Host::send).
    virtual void answered(net::Response&& response) { (void)response; }
    // What sessions of this database have posted. Only the worker of shard 0 is told, and only while the
    // database may act.
    virtual void hear(const std::vector<mailbox::Message>& messages) { (void)messages; }
    // Appends runs that are to begin. They stand in line with the other runs of their owner, and the part
    // hears of them again in Changes.
    virtual void give(std::vector<FreshRun>& runs) { (void)runs; }
    // A bounded slice of its own work, after the items of the turn. True: there is more to do at once.
    virtual bool work() { return false; }
    // When the loop has to wake up for this part; a time that has passed: at once; nullopt: not by itself.
    virtual std::optional<machine::Instant> next_at() const { return std::nullopt; }
    // How much of what the part has begun outside of the worker is not over (flowctl.drain waits for it).
    virtual std::int64_t under_way() const { return 0; }
    // The worker leaves: what has to be done before that, in a short time.
    virtual void leave() {}

    // ------------------------------------------------------------------- in the transaction of a sweep

    // The worker begins, or the database may act again: reads what the part carries into memory. No run is
    // loaded yet.
    virtual void load(Spi& spi) { (void)spi; }
    // Looks at the tables, since somebody poked the worker or some time has passed. True: there is more, so
    // look again after this turn. It may be called again for what it has found, when the sweep fails.
    virtual bool look(Spi& spi) {
        (void)spi;
        return false;
    }

    // ------------------------------------------------------------------- in the turn's transaction

    virtual void begin() {}
    // Takes those out that may not begin yet, of runs that are about to. It may be asked about a run twice in
    // one transaction, the second time when its row has been read.
    virtual void hold_back(Spi& spi, std::vector<Uuid>& runs) { (void)spi, (void)runs; }
    // Whether a run that is redriven may go on. Waits: it is open and has no frame until hold_back() lets it through,
    // and the part gives it then. Later: that cannot be said now. Throws UserError if it can never be said.
    enum class Readmission { Now, Waits, Later };
    virtual Readmission readmit(Spi& spi, const RedrivenRun& run) {
        (void)spi, (void)run;
        return Readmission::Now;
    }
    // An item of this part (Item::from) is done in this transaction, whether its run is still open or not.
    virtual void apply(const Item& item) { (void)item; }
    // What became of the event of such an item: the run has taken it; it has not, because it has ended, or for
    // the reason `why_not`; or it cannot be told now, and the item is gone, so the part may queue another one.
    enum class Told { Taken, Refused, Later };
    virtual void told(const Item& item, Told told, const std::string& why_not) {
        (void)item, (void)told, (void)why_not;
    }
    // A run wants this done, which is no call. False: it is not this part's. Events
    // for the run that follow at once are appended to `events`.
    virtual bool effect(const EffectOf& run, machine::Effect& effect, std::vector<machine::Event>& events,
                        Changes& changes) {
        (void)run, (void)effect, (void)events, (void)changes;
        return false;
    }
    // An item of this part has failed by itself: its run ends in this transaction, which is another one than
    // that of the item, and write() and committed() follow.
    virtual void failed(const Item& item) { (void)item; }
    virtual void write(Spi& spi, const Changes& changes) { (void)spi, (void)changes; }
    // After the commit, so outside of transactions.
    virtual void committed(const Changes& changes) { (void)changes; }

    // ------------------------------------------------------------------- runs that are children of something

    // What a child runs, if it belongs to something that this part carries; null: it does not, or that is
    // over.
    virtual std::shared_ptr<const CompiledVersion> version_of_child(const ChildOf& child) const {
        (void)child;
        return nullptr;
    }
    // Makes the context of a child from that which a run of the whole flow would have.
    virtual void place_child(const ChildOf& child, const std::string& name,
                             machine::RunContext& context) const {
        (void)child, (void)name, (void)context;
    }
    // Which child this run is, if it is one that the part has given and that has not ended. Asked where the
    // run is not in memory.
    virtual std::optional<ChildOf> find_child(const Uuid& run) const {
        (void)run;
        return std::nullopt;
    }
};

}  // namespace flowctl::pg
