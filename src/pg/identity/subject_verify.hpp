// Verifying the access token of an end user, in the session that hands it over.
#pragma once

#include <memory>
#include <string_view>

#include "pg/rights/session_user.hpp"

namespace flowctl::pg {

// The user that the token speaks of. Throws UserError for a token that is not to be believed. `issuer`: the
// name of a foreign server; empty for the one that stands for the token's issuer, among those that the
// current user may use.
std::shared_ptr<const session_user::User> verify_subject_token(std::string_view token,
                                                              std::string_view issuer);

}  // namespace flowctl::pg
