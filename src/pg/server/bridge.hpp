// The bridge between two kinds of failure: C++ exceptions, and PostgreSQL's ERROR, which is a longjmp.
//
// A longjmp over a live C++ object skips its destructor; an exception that leaves extern "C" ends the server.
// So every call into the server that can raise goes through guarded(), which turns an ERROR into a PgError
// exception with all of its ErrorData; and every entry from the server runs in entry(), which turns any
// exception into an ERROR after all C++ objects are gone. A body given to guarded() holds no object with a
// destructor.
//
//   PG_FUNCTION_INFO_V1 ... Datum f(PG_FUNCTION_ARGS) { return entry([&]() -> Datum { ... guarded([&] {
//   SPI... }); ... }); }
//
// Catching a PgError does not undo what the transaction did: let it pass, or abort the (sub)transaction.
#pragma once

#include <csetjmp>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "pg/server/prelude.hpp"

namespace flowctl::pg {

// An ERROR of the server, on its way through C++ code.
class PgError : public std::exception {
  public:
    explicit PgError(ErrorData* data) noexcept : data_(data) {}
    PgError(const PgError& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    PgError& operator=(const PgError&) = delete;
    ~PgError() override;

    const char* what() const noexcept override { return data_ && data_->message ? data_->message : "error"; }
    int sqlstate() const noexcept { return data_ ? data_->sqlerrcode : ERRCODE_INTERNAL_ERROR; }
    const ErrorData* data() const noexcept { return data_; }
    ErrorData* release() noexcept { return std::exchange(data_, nullptr); }
    // Writes the error to the server log and to the client, as EmitErrorReport does.
    void report() noexcept;

  private:
    mutable ErrorData* data_;  // in a context of its own that outlives the transaction
};

// An error for the user: becomes ereport(ERROR) at the edge. message: lower case, no full stop; detail and
// hint: sentences.
struct UserError : std::exception {
    UserError(int code, std::string message_text, std::string hint_text = {}, std::string detail_text = {})
        : sqlstate(code),
          message(std::move(message_text)),
          hint(std::move(hint_text)),
          detail(std::move(detail_text)) {}
    const char* what() const noexcept override { return message.c_str(); }
    int sqlstate;
    std::string message;
    std::string hint;
    std::string detail;
};

namespace bridge_detail {
ErrorData* take_error(MemoryContext caller) noexcept;

// What a failed entry carries from the catch block to the ereport behind it: palloc'd or null.
struct Failure {
    ErrorData* server = nullptr;
    bool failed = false;
    int sqlstate = 0;
    char* message = nullptr;
    char* detail = nullptr;
    char* hint = nullptr;
};
void capture_current(Failure& failure) noexcept;  // called within a catch block

// Puts back where the server goes with an ERROR, whichever way guarded() is left: also by an exception of its
// body, behind which the next ERROR would jump into a frame that is gone.
class PutBackErrorStack {
  public:
    PutBackErrorStack() noexcept : stack_(PG_exception_stack), callbacks_(error_context_stack) {}
    ~PutBackErrorStack() {
        PG_exception_stack = stack_;
        error_context_stack = callbacks_;
    }
    PutBackErrorStack(const PutBackErrorStack&) = delete;
    PutBackErrorStack& operator=(const PutBackErrorStack&) = delete;

  private:
    sigjmp_buf* const stack_;
    ErrorContextCallback* const callbacks_;
};
[[noreturn]] void raise(const Failure& failure);
}  // namespace bridge_detail

// Runs `body`, which calls the server and holds no C++ object with a destructor; an ERROR comes out as
// PgError.
template <class Body>
auto guarded(Body&& body) -> std::invoke_result_t<Body> {
    using Value = std::invoke_result_t<Body>;
    static_assert(std::is_void_v<Value> || std::is_trivially_destructible_v<Value>,
                  "a longjmp would skip its destructor");
    const bridge_detail::PutBackErrorStack put_back;
    MemoryContext const caller = CurrentMemoryContext;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) throw PgError(bridge_detail::take_error(caller));
    PG_exception_stack = &here;
    return body();
}

// Runs the body of a function that the server calls. An exception becomes an ERROR once all C++ objects are
// gone.
template <class Body>
auto entry(Body&& body) -> std::invoke_result_t<Body> {
    bridge_detail::Failure failure;
    try {
        return body();
    } catch (...) {
        bridge_detail::capture_current(failure);
    }
    bridge_detail::raise(failure);
}

// Text copied into the current memory context, for the server to keep. Raises PgError when out of memory.
Datum to_text(std::string_view text);
// A jsonb value. What is no JSON raises PgError.
Datum to_jsonb(const std::string& json);
// The text of a (possibly toasted) text, json or varchar datum.
std::string from_text(Datum text);

// For messages: a name that a user gave, cut at a character's end where it is longer than names are.
std::string shortened_name(std::string_view text);
// At most so many bytes of valid UTF-8, cut at a character's end.
std::string_view first_bytes(std::string_view text, std::size_t limit);

// Raises 25006 on a standby and in a read-only transaction. `what`: "cannot ... in a read-only transaction".
void require_writable(const std::string& what);

// A role as SQL takes it for a regrole: 'name' or '"Na me"'.
std::string role_literal(Oid role);
// The role's name, unquoted; "role 123" for a role that is gone.
std::string role_name(Oid role);

}  // namespace flowctl::pg

// Declares an SQL-callable function with C linkage and default visibility (the project hides all else).
#define FLOWCTL_FUNCTION(name)                                                            \
    extern "C" {                                                                          \
    _Pragma("GCC visibility push(default)") PG_FUNCTION_INFO_V1(name);                    \
    _Pragma("GCC visibility pop")                                                         \
    }                                                                                     \
    static Datum name##_body(FunctionCallInfo fcinfo);                                    \
    extern "C" __attribute__((visibility("default"))) Datum name(PG_FUNCTION_ARGS) {      \
        return ::flowctl::pg::entry([fcinfo]() -> Datum { return name##_body(fcinfo); }); \
    }                                                                                     \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
