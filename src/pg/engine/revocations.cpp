// Receipts of revocations; see revocations.hpp.
#include "pg/engine/revocations.hpp"

#include <chrono>

#include "pg/engine/failures.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

void Revocations::collect() {
    while (auto receipt = client_.next_revocation()) {
        store::RevocationRow& row = rows_.emplace_back();
        row.run_id = uuid_from_text(receipt->run);
        row.token_id = receipt->fingerprint;
        row.at =
            std::chrono::duration_cast<std::chrono::microseconds>(receipt->at.time_since_epoch()).count();
        row.revoked = receipt->revoked;
        if (!receipt->message.empty()) row.message = receipt->message;
    }
}

void Revocations::write(Spi& spi, const Changes& changes) {
    if (changes.alone || rows_.empty()) return;
    store::append_revocations(spi, rows_);
    written_ = rows_.size();
}

void Revocations::committed(const Changes&) {
    rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(written_));
    written_ = 0;
}

// There are some left where the turn had no items, or could only do them one by one.
bool Revocations::work() {
    if (rows_.empty()) return false;
    try {
        Transaction transaction("pg_flowctl: recording revocations");
        {
            Spi spi;
            store::append_revocations(spi, rows_);
        }
        transaction.commit();
    } catch (PgError& error) {
        const bool again = is_transient(error.sqlstate());
        error.report();
        if (again) {
            host_.pause();
            return false;
        }
    }
    rows_.clear();
    return false;
}

}  // namespace flowctl::pg
