// Long work of the core in a session: it ends when the session is cancelled, times out or is terminated.
#pragma once

#include "core/interrupt.hpp"
#include "pg/server/bridge.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace flowctl::pg {

// Calls `work`, which the core leaves with Interrupted as soon as the server has something to say to this session.
// What it says is then raised as its error; if it was nothing that ends the statement, the work is done again. So
// `work` makes everything that it changes anew.
template <class Work>
auto interruptible(Work&& work) {
    for (;;) {
        try {
            const InterruptScope scope(InterruptPending);
            return work();
        } catch (const Interrupted&) {
        }
        guarded([] { CHECK_FOR_INTERRUPTS(); });
        if (InterruptPending) return work();  // held off: nobody could be told now
    }
}

}  // namespace flowctl::pg
