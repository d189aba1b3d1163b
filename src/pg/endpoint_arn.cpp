// Which endpoint an ARN means: the option `arn` of flowctl_http servers. See endpoint.hpp.
#include <algorithm>
#include <vector>

#include "pg/endpoint.hpp"

#include "pg/bridge.hpp"
#include "pg/fdw_options.hpp"

namespace flowctl::pg {

namespace {

std::string in_quotes(std::string_view text) {
    return "\"" + std::string(text) + "\"";
}

Err<EndpointFailure> failure(const char* error, std::string cause) {
    return Err{EndpointFailure{error, std::move(cause)}};
}

}  // namespace

bool arn_covers(std::string_view pattern, std::string_view arn) noexcept {
    std::size_t p = 0;
    std::size_t a = 0;
    std::size_t star = std::string_view::npos;  // the last * met, which may yet take more
    std::size_t taken_to = 0;
    while (a < arn.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            taken_to = a;
        } else if (p < pattern.size() && pattern[p] == arn[a]) {
            p++;
            a++;
        } else if (star != std::string_view::npos && arn[taken_to] != ':') {
            p = star + 1;
            a = ++taken_to;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        p++;
    return p == pattern.size();
}

Result<std::string, EndpointFailure> endpoint_for_arn(std::string_view arn) {
    struct Candidate {
        char* name;
        List* options;
    };
    // Plain memory of the server's: the scan may raise.
    struct Found {
        Candidate* candidates;
        int count;
    };
    const Oid wrapper = guarded([] { return get_foreign_data_wrapper_oid(kHttpWrapper.data(), true); });
    const Found found = guarded([&]() -> Found {
        Found all{nullptr, 0};
        int room = 16;
        all.candidates = static_cast<Candidate*>(palloc(sizeof(Candidate) * room));
        Relation servers = table_open(ForeignServerRelationId, AccessShareLock);
        SysScanDesc scan = systable_beginscan(servers, InvalidOid, false, nullptr, 0, nullptr);
        while (HeapTuple tuple = systable_getnext(scan)) {
            auto* row = reinterpret_cast<Form_pg_foreign_server>(GETSTRUCT(tuple));
            bool is_null = false;
            Datum options =
                heap_getattr(tuple, Anum_pg_foreign_server_srvoptions, RelationGetDescr(servers), &is_null);
            if (row->srvfdw != wrapper || is_null) continue;
            if (all.count == room) {
                room *= 2;
                all.candidates = static_cast<Candidate*>(repalloc(all.candidates, sizeof(Candidate) * room));
            }
            all.candidates[all.count++] = {
                pstrdup(NameStr(row->srvname)),
                untransformRelOptions(PointerGetDatum(DatumGetArrayTypePCopy(options)))};
        }
        systable_endscan(scan);
        table_close(servers, AccessShareLock);
        return all;
    });

    std::vector<std::string> exact;
    std::vector<std::string> covering;
    for (int i = 0; i < found.count; i++) {
        const Options options = to_options(found.candidates[i].options);
        const std::string_view pattern = option(options, "arn");
        if (pattern.empty()) continue;
        if (pattern == arn)
            exact.emplace_back(found.candidates[i].name);
        else if (arn_covers(pattern, arn))
            covering.emplace_back(found.candidates[i].name);
    }
    std::vector<std::string>& chosen = exact.empty() ? covering : exact;
    if (chosen.empty())
        return failure(
            kEndpointNotFound,
            "no foreign server of wrapper flowctl_http has an option \"arn\" that covers " + in_quotes(arn));
    if (chosen.size() > 1) {
        std::sort(chosen.begin(), chosen.end());
        return failure(kEndpointConfiguration, "option \"arn\" of more than one foreign server covers " +
                                                   in_quotes(arn) + ": " + in_quotes(chosen[0]) + " and " +
                                                   in_quotes(chosen[1]));
    }
    return std::move(chosen.front());
}

}  // namespace flowctl::pg
