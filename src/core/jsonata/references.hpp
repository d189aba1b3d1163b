// What an expression refers to that a flow does not have: the sentences of Expression::unsupported().
#pragma once

#include <string>
#include <vector>

#include "core/jsonata/jsonata.hpp"

namespace flowctl::jsonata {

std::vector<std::string> unsupported_references(const Program& program, const Expression::Places& places);

}  // namespace flowctl::jsonata
