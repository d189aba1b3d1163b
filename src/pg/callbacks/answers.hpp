// Answers of sessions to tasks that wait.
//
// An answer is written into the row of its task in the session's transaction, and counts if and only if that
// commits. The first answer wins; the second, like one that comes when the task is over, is told by
// TaskTimedOut what has ended it. Only the holder of a genuine token gets here.
#pragma once

#include <optional>
#include <string>

#include "pg/callbacks/token_holder.hpp"
#include "pg/server/spi.hpp"

namespace flowctl::pg::answers {

struct Given {
    std::optional<std::string> output;  // JSON; nullopt: the task has failed
    std::optional<std::string> error, cause;
};
// `by`: the name of the role.
void give(const GivenToken& token, const Given& answer, const std::string& by);
// The answer to the task of a wait, by somebody whose right to give it the caller has checked. False: the task is
// over. The caller acts as the extension's owner.
bool give_to(Spi& spi, const Uuid& wait_id, const Given& answer, const std::string& by);
void beat(const GivenToken& token);

}  // namespace flowctl::pg::answers
