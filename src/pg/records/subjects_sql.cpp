// SQL function runs_of_subject: the runs that are about a person.
//
// The option subject_key of a flow finds the person's key in the input. It is kept as an attribute, in plain,
// because the input beside it has the key, too: a hash would hide nothing. A redaction deletes it.
#include <map>

#include "pg/flow_options/flow_options.hpp"
#include "pg/rights/flow_rights.hpp"
#include "pg/server/acting_role.hpp"

extern "C" {
#include "funcapi.h"
}

namespace flowctl::pg::records {

namespace {

Statement runs_of_subject(R"(
    SELECT a.run_id, coalesce(w.owner::oid, r.flow_owner::oid)
    FROM flowctl_catalog.run_attribute a
         JOIN flowctl_catalog.run r ON r.run_id = a.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE a.name = $1 AND a.value = $2
    ORDER BY a.run_id)",
                          {TEXTOID, TEXTOID});

}  // namespace

FLOWCTL_FUNCTION(flowctl_runs_of_subject) {
    const std::string subject = from_text(PG_GETARG_DATUM(0));
    const Oid user = GetUserId();
    const bool all = sees_all(user);
    std::vector<Uuid> runs;
    {
        const AsExtensionOwner owner;
        Spi spi;
        const Rows rows = spi.run(runs_of_subject, std::move(Params().text(kSubjectAttribute).text(subject)));
        std::map<Oid, bool> is_own;
        for (std::size_t i = 0; i < rows.size(); i++) {
            const auto known = is_own.try_emplace(rows.oid(i, 1), all);
            if (known.second && !all) known.first->second = acts_for(user, rows.oid(i, 1));
            if (known.first->second) runs.push_back(rows.uuid(i, 0));
        }
    }
    guarded([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (const Uuid& run : runs) {
        Datum values[] = {UUIDPGetDatum(to_pg(run))};
        bool nulls[] = {false};
        guarded([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
    }
    return Datum(0);
}

}  // namespace flowctl::pg::records
