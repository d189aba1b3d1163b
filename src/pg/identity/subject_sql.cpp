// flowctl.set_subject_token(): a session says whose runs it starts, and proves it.
#include <string>
#include <utility>

#include "base/wipe.hpp"
#include "pg/identity/subject_verify.hpp"
#include "pg/shared/shmem.hpp"

namespace flowctl::pg {

namespace {

struct Wiped {
    std::string text;
    explicit Wiped(std::string&& given) : text(std::move(given)) {}
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ~Wiped() { wipe(text); }
};

}  // namespace

FLOWCTL_FUNCTION(flowctl_set_subject_token) {
    const bool is_local = PG_ARGISNULL(2) || PG_GETARG_BOOL(2);
    if (PG_ARGISNULL(0)) {
        session_user::set(nullptr, is_local);
        PG_RETURN_NULL();
    }
    shmem::require("flowctl.set_subject_token()");
    const Wiped given{from_text(PG_GETARG_DATUM(0))};
    const std::string issuer = PG_ARGISNULL(1) ? std::string() : from_text(PG_GETARG_DATUM(1));
    auto verified = verify_subject_token(given.text, issuer);
    const Datum name = to_text(verified->name);
    session_user::set(std::move(verified), is_local);
    return name;
}

}  // namespace flowctl::pg
