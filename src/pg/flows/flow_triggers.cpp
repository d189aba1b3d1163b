// Implementation of flow_triggers.hpp.
#include "pg/flows/flow_triggers.hpp"

#include "pg/server/quoting.hpp"
#include "pg/triggers/new_trigger.hpp"

namespace flowctl::pg {

namespace {

// The first argument of start_flow() ends with '\0'.
Statement triggers_of(R"(
    SELECT t.tgname::text, t.tgrelid::pg_catalog.regclass::text, c.relowner
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    WHERE t.tgfoid = $1 AND t.tgparentid = 0
      AND (pg_catalog.substr(t.tgargs, 1, pg_catalog.length($2) + 1) = $2 || E'\\x00'::bytea
           OR $3 AND pg_catalog.substr(t.tgargs, 1, pg_catalog.length($2) + 1) = $2 || E'\\x3a'::bytea)
    ORDER BY 2, 1)",
                      {OIDOID, BYTEAOID, BOOLOID});

constexpr std::size_t kMostListed = 5;

Datum to_bytes(const std::string& text) {
    const char* const data = text.data();
    const std::size_t length = text.size();
    return guarded([&] {
        auto* copy = static_cast<bytea*>(palloc(VARHDRSZ + length));
        SET_VARSIZE(copy, VARHDRSZ + length);
        memcpy(VARDATA(copy), data, length);
        return PointerGetDatum(copy);
    });
}

}  // namespace

std::string list_triggers(Spi& spi, const FlowIdentity& flow, const std::optional<std::string>& qualifier) {
    std::string list;
    const Oid function = start_flow_function();
    if (!OidIsValid(function)) return list;
    const Datum reference = to_bytes(qualifier ? flow.name + ":" + *qualifier : flow.name);
    const Rows rows =
        spi.run(triggers_of, std::move(Params().oid(function).datum(reference).boolean(!qualifier)));
    std::size_t listed = 0;
    for (std::size_t i = 0; i < rows.size() && listed < kMostListed; i++) {
        if (!may_start(flow.flow_id, flow.owner, rows.oid(i, 2))) continue;
        list += (listed++ == 0 ? "" : "\n") +
                ("Trigger " + rows.text(i, 0) + " on table " + rows.text(i, 1) + " starts it.");
    }
    return list;
}

}  // namespace flowctl::pg
