// SPI's nonatomic connections, as PL/pgSQL uses them for procedures. See committing.hpp.
#include "pg/server/committing.hpp"

namespace flowctl::pg {

Committing::Committing(FunctionCallInfo fcinfo, const char* what, const char* instead) {
    const Node* const context = fcinfo->context;
    const bool may_commit = context != nullptr && IsA(context, CallContext) &&
                            !reinterpret_cast<const CallContext*>(context)->atomic;
    if (!may_commit || guarded([] { return IsSubTransaction(); }))
        throw UserError(ERRCODE_INVALID_TRANSACTION_TERMINATION,
                        std::string(what) + " commits, and cannot be called in a transaction block",
                        std::string("Call it outside of a transaction block (many drivers begin one unless "
                                    "autocommit is on). ") +
                            instead);
    guarded([] {
        if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT) elog(ERROR, "SPI_connect_ext failed");
    });
}

void Committing::commit() {
    guarded([] { SPI_commit(); });
}

void Committing::finish() {
    guarded([] { SPI_finish(); });
}

Datum row_of_arguments(FunctionCallInfo fcinfo, Datum* values, bool* nulls) {
    return guarded([&] {
        TupleDesc shape = nullptr;
        if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "a procedure with INOUT arguments returns a row");
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
    });
}

}  // namespace flowctl::pg
