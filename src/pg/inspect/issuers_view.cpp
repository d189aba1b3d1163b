// flowctl_catalog.issuer_status(): the rows behind the view flowctl.issuers, one per issuer and worker of
// this database, from shared memory.
//
// Shown is what concerns a foreign server on which the caller has USAGE, looked up by the name under which
// the worker counted; a server that was renamed or dropped since is shown to nobody. Without the library
// preloaded there are no rows.
#include <optional>
#include <vector>

#include "pg/endpoints/options.hpp"
#include "pg/server/bridge.hpp"
#include "pg/shared/shmem.hpp"

using namespace flowctl::pg;

namespace {

const char* circuit_name(shmem::Circuit circuit) {
    switch (circuit) {
        case shmem::Circuit::kClosed:
            return "closed";
        case shmem::Circuit::kPaused:
            return "paused";
        case shmem::Circuit::kOpen:
            return "open";
        case shmem::Circuit::kHalfOpen:
            return "half-open";
    }
    return "closed";
}

// What was open until a time that has passed waits for somebody to ask again.
shmem::Circuit circuit_now(const shmem::IssuerRow& issuer) {
    const bool over =
        issuer.circuit_until != 0 && to_timestamp(issuer.circuit_until) <= GetCurrentTimestamp();
    if (!over) return issuer.circuit;
    return issuer.circuit == shmem::Circuit::kOpen ? shmem::Circuit::kHalfOpen : shmem::Circuit::kClosed;
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

void put_row(const ReturnSetInfo* result, int pid, const shmem::IssuerRow& issuer) {
    guarded([&] {
        Datum values[12];
        bool nulls[12] = {};
        int at = 0;
        const auto put_time = [&](std::int64_t unix_micros) {
            nulls[at] = unix_micros == 0;
            values[at++] = TimestampTzGetDatum(to_timestamp(unix_micros));
        };
        values[at++] = CStringGetTextDatum(issuer.name);
        values[at++] = Int32GetDatum(pid);
        values[at++] = CStringGetTextDatum(issuer.url);
        values[at++] = Int64GetDatum(issuer.token_requests);
        values[at++] = Int64GetDatum(issuer.tokens_issued);
        values[at++] = Int64GetDatum(issuer.failures);
        values[at++] = Int64GetDatum(issuer.cached_tokens);
        put_time(issuer.last_success);
        put_time(issuer.last_failure);
        nulls[at] = issuer.last_failure_message[0] == '\0';
        values[at++] = CStringGetTextDatum(issuer.last_failure_message);
        const shmem::Circuit circuit = circuit_now(issuer);
        values[at++] = CStringGetTextDatum(circuit_name(circuit));
        put_time(circuit == shmem::Circuit::kOpen || circuit == shmem::Circuit::kPaused ? issuer.circuit_until
                                                                                        : 0);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
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
        for (int index = 0; index < shmem::kIssuers; index++) {
            shmem::IssuerRow issuer;
            if (!shmem::view_issuer(slot, index, issuer)) break;
            if (OidIsValid(visible_server(issuer.name))) put_row(result, worker.pid, issuer);
        }
    }
    return Datum(0);
}
