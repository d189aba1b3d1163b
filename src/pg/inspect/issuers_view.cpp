// flowctl_catalog.issuer_status(): the rows behind the view flowctl.issuers, one per issuer and worker of
// this database, from shared memory.
//
// Shown is what concerns a foreign server on which the caller has USAGE, looked up by the name under which
// the worker counted; a server that was renamed or dropped since is shown to nobody. Without the library
// preloaded there are no rows.
#include <optional>
#include <vector>

#include "pg/endpoints/options.hpp"
#include "pg/inspect/view_row.hpp"
#include "pg/server/bridge.hpp"
#include "pg/shared/figures.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

const char* circuit_name(net::CircuitState circuit) {
    switch (circuit) {
        case net::CircuitState::Closed:
            return "closed";
        case net::CircuitState::Paused:
            return "paused";
        case net::CircuitState::Open:
            return "open";
        case net::CircuitState::HalfOpen:
            return "half-open";
    }
    return "closed";
}

// What was open until a time that has passed waits for somebody to ask again.
net::CircuitState circuit_now(const figures::IssuerRow& issuer) {
    const bool over =
        issuer.circuit_until != 0 && to_timestamp(issuer.circuit_until) <= GetCurrentTimestamp();
    if (!over) return issuer.circuit;
    return issuer.circuit == net::CircuitState::Open ? net::CircuitState::HalfOpen
                                                     : net::CircuitState::Closed;
}

// The foreign server of this name, where it is an issuer that the user may use.
Oid visible_server(const char* name) {
    return guarded([&] {
        ForeignServer* server = GetForeignServerByName(name, true);
        if (server == nullptr || kOidcWrapper != GetForeignDataWrapper(server->fdwid)->fdwname)
            return InvalidOid;
        return server_aclcheck(server->serverid, GetUserId(), ACL_USAGE) == ACLCHECK_OK ? server->serverid
                                                                                        : InvalidOid;
    });
}

void put_row(const ReturnSetInfo* result, int pid, const figures::IssuerRow& issuer) {
    const net::CircuitState circuit = circuit_now(issuer);
    const bool is_held = circuit == net::CircuitState::Open || circuit == net::CircuitState::Paused;
    guarded([&] {
        ViewRow<12> row;
        row.put_text(issuer.name)
            .put(Int32GetDatum(pid))
            .put_text(issuer.url)
            .put(Int64GetDatum(issuer.token_requests))
            .put(Int64GetDatum(issuer.tokens_issued))
            .put(Int64GetDatum(issuer.failures))
            .put(Int64GetDatum(issuer.cached_tokens))
            .put_time(issuer.last_success)
            .put_time(issuer.last_failure)
            .put_text(issuer.last_failure_message)
            .put_text(circuit_name(circuit))
            .put_time(is_held ? issuer.circuit_until : 0)
            .store(*result);
    });
}

}  // namespace

FLOWCTL_FUNCTION(flowctl_issuer_status) {
    guarded([fcinfo] { InitMaterializedSRF(fcinfo, 0); });
    const auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int slot = 0; slot < shmem::slots(); slot++) {
        const shmem::View worker = shmem::view(slot);
        if (worker.state != shmem::State::kClaimed || worker.database != MyDatabaseId || !worker.serving)
            continue;
        for (int index = 0; index < figures::kIssuers; index++) {
            figures::IssuerRow issuer;
            if (!figures::view_issuer(slot, index, issuer)) break;
            if (OidIsValid(visible_server(issuer.name))) put_row(result, worker.pid, issuer);
        }
    }
    return Datum(0);
}

}  // namespace flowctl::pg
