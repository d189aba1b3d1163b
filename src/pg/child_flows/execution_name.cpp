// See execution_name.hpp.
#include "pg/child_flows/execution_name.hpp"

#include <optional>

#include "core/text/digest.hpp"
#include "pg/rights/run_rights.hpp"
#include "pg/server/arn_space.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

namespace {

// A wait for another transaction ends almost at once while this lives.
class Impatient {
  public:
    Impatient() : level_(guarded([] { return NewGUCNestLevel(); })) {
        guarded([] {
            (void)set_config_option("lock_timeout", "1ms", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                                    0, false);
        });
    }
    void end() { AtEOXact_GUC(true, level_); }  // otherwise the abort of the subtransaction ends it

  private:
    int level_;
};

// The run that has the name already; nullopt: nobody, and this one has it from now on.
std::optional<store::NamedRun> take(const store::NewRun& run) {
    Subtransaction attempt;
    Impatient impatient;
    std::optional<store::NamedRun> other;
    {
        Spi spi;
        if (!store::take_name(spi, run.flow_id, *run.name, run.run_id)) {
            const store::NamedRun named = store::find_named(spi, run.flow_id, *run.name, run.input);
            if (named.found)
                other = named;
            else
                store::replace_name(spi, run.flow_id, *run.name, run.run_id);
        }
    }
    impatient.end();
    attempt.commit();
    return other;
}

// Whoever waits for a run is told its output.
bool may_adopt(Oid role, const Uuid& run) {
    Spi spi;
    const auto status = store::find_status(spi, run);
    return status && status->status == machine::Status::Running &&
           (role == status->starter || may_read_payload(role, *status));
}

}  // namespace

std::variant<NameIsNew, NameIsBusy, NameIsOf, calls::Refusal> take_execution_name(const store::NewRun& run,
                                                                                  bool is_own) {
    std::optional<store::NamedRun> other;
    try {
        other = take(run);
    } catch (const PgError& error) {
        if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE) throw;
        return NameIsBusy{};
    }
    if (!other) return NameIsNew{};
    if (is_own || (other->same_input && may_adopt(run.starter, other->run_id))) return NameIsOf{other->run_id};
    return calls::Refusal{"StepFunctions.ExecutionAlreadyExistsException",
                          "Execution Already Exists: '" + arn_space().execution(run.flow, *run.name) + "'"};
}

std::string name_of_call(const std::string& run_id, const machine::Call& call, int redrive_count) {
    // The parts cannot be confused: a path and a state may hold any character but NUL.
    std::string place = run_id;
    for (const std::string& part : {call.path, call.state, std::to_string(call.visit),
                                    std::to_string(call.attempt), std::to_string(redrive_count)})
        (place += '\0') += part;
    return text::sha256_hex(place).substr(0, 32);
}

}  // namespace flowctl::pg
