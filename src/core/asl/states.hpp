// Blocks and states of a definition, read into the model.
#pragma once

#include "core/asl/findings.hpp"
#include "core/asl/model.hpp"
#include "core/asl/parts.hpp"

namespace flowctl::asl {

// Reads StartAt and States of `fields` into a block. `language` is the flow's.
Block read_block(Fields& fields, QueryLanguage language);

// Reports unknown targets, unreachable states, and a block that cannot end, in this block and those inside
// it; and names that the flow uses twice.
void check_graph(const json::Value& definition, Findings& findings);

// Reports what a flow of the type EXPRESS cannot have.
void check_express(const json::Value& block, const Where& where, Findings& findings);

// Reports variables that an inner scope assigns although they belong to an outer one.
void check_scopes(const json::Value& definition, Findings& findings);

}  // namespace flowctl::asl
