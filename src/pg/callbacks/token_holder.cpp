// Tokens of sessions. See token_holder.hpp.
#include "pg/callbacks/token_holder.hpp"

#include <utility>

#include "net/crypto/crypto.hpp"
#include "pg/callbacks/waiting_rows.hpp"

extern "C" {
#include "tcop/tcopprot.h"
}

namespace flowctl::pg {

namespace {

// The statement may have been written with the token in it. pg_stat_activity and the log's line STATEMENT of an
// error show the copy from here on; what was logged before the statement began is out of reach.
void hide_in_statement(const std::string& token) {
    const char* const statement = debug_query_string;
    if (statement == nullptr || strstr(statement, token.c_str()) == nullptr) return;
    std::string shown(statement);
    for (std::size_t at = shown.find(token); at != std::string::npos; at = shown.find(token, at))
        shown.replace(at, token.size(), machine::kTokenMarker);
    const char* const text = shown.c_str();
    guarded([&] {
        // It is looked at until the statement has ended.
        debug_query_string = MemoryContextStrdup(MessageContext, text);
        pgstat_report_activity(STATE_RUNNING, debug_query_string);
    });
}

bool may_be_text(const std::string& text) {
    for (const char c : text)
        if (c == '\'' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return false;
    return !text.empty() && text.size() <= 1024;
}

}  // namespace

void invalid_token() {
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE, "InvalidToken: the text is not a task token of this database",
                    "Pass the token as the task's input or flowctl.poll_activity_task() gave it.");
}

GivenToken::GivenToken(std::string&& text) : text_(std::move(text)) {
    if (may_be_text(text_)) hide_in_statement(text_);
    auto parts = net::read_token(text_);
    if (!parts) {
        wipe(text_);
        invalid_token();
    }
    parts_ = std::move(*parts);
    wait_id_ = store::wait_id_of(parts_.run, parts_.place);
    const auto keys = token_keys(net::KeptBy::Session, false);
    genuine_ = keys->have_made(parts_);
}

std::string GivenToken::hash() const {
    return net::sha256(text_);
}

std::string token_for(const Uuid& run, const Uuid& place) {
    return net::seal_token(token_keys(net::KeptBy::Session, true)->keys.front(), run, place);
}

}  // namespace flowctl::pg
