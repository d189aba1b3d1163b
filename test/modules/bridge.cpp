// What a C++ exception does that leaves the body of guarded(). No SQL function of the extension has one that a test can
// raise at will, so this library does, with the same bridge.
#include <stdexcept>
#include <string>

#include "pg/server/bridge.hpp"

extern "C" {
_Pragma("GCC visibility push(default)") PG_MODULE_MAGIC;
_Pragma("GCC visibility pop")
}

namespace flowctl::pg {

namespace {

void never_called(void*) {
    ereport(LOG, (errmsg("a context of a frame that is gone")));
}

// A body that is left by an exception, while the server's error context points into its frame.
__attribute__((noinline)) bool leave_by_exception() {
    try {
        guarded([] {
            ErrorContextCallback context{};
            context.callback = never_called;
            context.previous = error_context_stack;
            error_context_stack = &context;
            throw std::runtime_error("thrown");
        });
    } catch (const std::runtime_error&) {
        return true;
    }
    return false;
}

// What stood where the frame was is something else now.
__attribute__((noinline)) int overwrite_stack() {
    volatile char bytes[16384];
    for (volatile char& byte : bytes)
        byte = 0x55;
    return bytes[100];
}

}  // namespace

FLOWCTL_FUNCTION(stacks_after_exception) {
    sigjmp_buf* const stack = PG_exception_stack;
    ErrorContextCallback* const callbacks = error_context_stack;
    const bool thrown = leave_by_exception();
    PG_RETURN_BOOL(thrown && PG_exception_stack == stack && error_context_stack == callbacks);
}

FLOWCTL_FUNCTION(error_after_exception) {
    (void)leave_by_exception();
    (void)overwrite_stack();
    ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("raised after the exception")));
}

FLOWCTL_FUNCTION(error_in_guarded_after_exception) {
    try {
        guarded([] {
            (void)leave_by_exception();
            (void)overwrite_stack();
            ereport(ERROR, (errmsg("raised within the outer one")));
        });
    } catch (PgError& error) {
        return to_text(std::string("caught: ") + error.what());
    }
    return to_text("nothing was raised");
}

FLOWCTL_FUNCTION(exception_at_the_edge) {
    guarded([] { throw std::runtime_error("nobody caught it"); });
    return Datum(0);
}

}  // namespace flowctl::pg
