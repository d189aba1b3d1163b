// Implementation of the bridge: capturing an ERROR into an exception, and an exception into an ERROR.
#include "pg/server/bridge.hpp"

namespace flowctl::pg {

namespace {

// Error data must survive the abort of the transaction that failed: each error has a context of its own below
// this one. The server's FreeErrorData leaves some of the strings that it has copied.
MemoryContext error_context() {
    static MemoryContext context = nullptr;
    if (context == nullptr)
        context = AllocSetContextCreate(TopMemoryContext, "pg_flowctl errors", ALLOCSET_SMALL_SIZES);
    return context;
}

// A copy that never raises: null when memory is short.
char* copy_or_null(const std::string& text) noexcept {
    if (text.empty()) return nullptr;
    auto* copy = static_cast<char*>(
        MemoryContextAllocExtended(CurrentMemoryContext, text.size() + 1, MCXT_ALLOC_NO_OOM));
    if (copy != nullptr) memcpy(copy, text.c_str(), text.size() + 1);
    return copy;
}

}  // namespace

PgError::~PgError() {
    if (data_ != nullptr) MemoryContextDelete(data_->assoc_context);
}

void PgError::report() noexcept {
    if (data_ == nullptr) return;
    ErrorData* data = release();
    // ThrowErrorData below ERROR level only reports.
    data->elevel = LOG;
    data->output_to_server = true;
    ThrowErrorData(data);
    MemoryContextDelete(data->assoc_context);
}

namespace bridge_detail {

ErrorData* take_error(MemoryContext caller) noexcept {
    MemoryContextSwitchTo(AllocSetContextCreate(error_context(), "pg_flowctl error", ALLOCSET_SMALL_SIZES));
    ErrorData* data = CopyErrorData();
    FlushErrorState();
    MemoryContextSwitchTo(caller);
    return data;
}

void capture_current(Failure& failure) noexcept {
    failure.failed = true;
    try {
        throw;
    } catch (PgError& error) {
        failure.server = error.release();
    } catch (const UserError& error) {
        failure.sqlstate = error.sqlstate;
        failure.message = copy_or_null(error.message);
        failure.detail = copy_or_null(error.detail);
        failure.hint = copy_or_null(error.hint);
    } catch (const std::bad_alloc&) {
        failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
        failure.message = copy_or_null("out of memory");
    } catch (const std::exception& error) {
        failure.sqlstate = ERRCODE_INTERNAL_ERROR;
        try {
            failure.message = copy_or_null(std::string("pg_flowctl: ") + error.what());
        } catch (...) {
            failure.message = nullptr;
        }
    } catch (...) {
        failure.sqlstate = ERRCODE_INTERNAL_ERROR;
    }
}

namespace {

void free_raised(void* context) {
    MemoryContextDelete(static_cast<MemoryContext>(context));
}

// The server copies the error into ErrorContext, which it resets as soon as somebody has caught the error.
// Ours, and the callback that stands beside it, go then.
[[noreturn]] void raise_again(ErrorData* error) {
    MemoryContext const context = error->assoc_context;
    auto* const callback = static_cast<MemoryContextCallback*>(
        MemoryContextAllocExtended(context, sizeof(MemoryContextCallback), MCXT_ALLOC_NO_OOM));
    if (callback != nullptr) {
        *callback = {free_raised, context, nullptr};
        MemoryContextRegisterResetCallback(ErrorContext, callback);
    }
    ReThrowError(error);
    pg_unreachable();
}

}  // namespace

void raise(const Failure& failure) {
    if (failure.server != nullptr) raise_again(failure.server);
    ereport(ERROR, (errcode(failure.sqlstate),
                    errmsg_internal("%s", failure.message ? failure.message : "pg_flowctl: failed"),
                    failure.detail ? errdetail_internal("%s", failure.detail) : 0,
                    failure.hint ? errhint("%s", failure.hint) : 0));
    pg_unreachable();
}

}  // namespace bridge_detail

Datum to_text(std::string_view text) {
    return guarded([&] {
        return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
    });
}

Datum to_jsonb(const std::string& json) {
    const char* const text = json.c_str();
    return guarded([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text)); });
}

std::string from_text(Datum datum) {
    varlena* unpacked = guarded([&] { return DatumGetTextPP(datum); });
    std::string copy(VARDATA_ANY(unpacked), VARSIZE_ANY_EXHDR(unpacked));
    if (reinterpret_cast<Pointer>(unpacked) != DatumGetPointer(datum)) pfree(unpacked);
    return copy;
}

std::string_view first_bytes(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return text;
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80)
        limit--;
    return text.substr(0, limit);
}

std::string shortened_name(std::string_view text) {
    constexpr std::size_t kLongest = 80;
    const std::string_view begin = first_bytes(text, kLongest);
    return std::string(begin) + (begin.size() < text.size() ? "..." : "");
}

void require_writable(const std::string& what) {
    if (guarded([] { return RecoveryInProgress(); }))
        throw UserError(ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot " + what + " during recovery",
                        "Connect to the primary server.");
    if (XactReadOnly)
        throw UserError(ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot " + what + " in a read-only transaction",
                        "Begin one that may write: BEGIN READ WRITE.");
}

std::string role_literal(Oid role) {
    const std::string name = role_name(role);
    const char* text = name.c_str();
    return guarded([&]() -> const char* { return quote_literal_cstr(quote_identifier(text)); });
}

std::string role_name(Oid role) {
    char* name = guarded([&] { return GetUserNameFromId(role, true); });
    if (name == nullptr) return "role " + std::to_string(role);
    std::string copy(name);
    pfree(name);
    return copy;
}

}  // namespace flowctl::pg
