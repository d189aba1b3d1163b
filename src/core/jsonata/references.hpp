// The sentences of Expression::unsupported(), about parts of an expression that a flow does not have.
#pragma once

#include <string>
#include <vector>

#include "core/jsonata/jsonata.hpp"

namespace flowctl::jsonata {

std::vector<std::string> unsupported_references(const Program& program, const Expression::Places& places);

}  // namespace flowctl::jsonata
