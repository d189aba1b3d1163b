// What a Task's Resource asks of its other fields.
#pragma once

#include "core/asl/fields.hpp"
#include "core/asl/resource.hpp"

namespace flowctl::asl {

// Checks the fields of a Task whose Resource this is. The value of an expression is not known yet, so only
// what is written out is checked.
void check_task(Fields& fields, const Resource& resource);

}  // namespace flowctl::asl
