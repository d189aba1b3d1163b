// The groups that a verified token of the session's user names.
#pragma once

#include <string>
#include <vector>

namespace flowctl::pg::approvals {

// As approvals name them: "group:<issuer>/<group>", of the claim `groups`. Empty once the token has ended.
std::vector<std::string> session_groups();

}  // namespace flowctl::pg::approvals
