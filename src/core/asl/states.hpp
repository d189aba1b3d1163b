// Blocks and states of a definition, read into the model.
#pragma once

#include "core/asl/findings.hpp"
#include "core/asl/model.hpp"
#include "core/asl/parts.hpp"

namespace flowctl::asl {

// Reads StartAt and States of `fields` into a block. `language` is the flow's.
Block read_block(Fields& fields, QueryLanguage language);

// Reports, in this block and the blocks inside it, unknown targets, unreachable states, blocks that cannot
// end, and names that the flow uses twice.
void check_graph(const json::Value& definition, Findings& findings);

// Reports everything that a flow of the type EXPRESS cannot have.
void check_express(const json::Value& block, const Where& where, Findings& findings);

// Reports inner scopes that assign to variables of an outer one.
void check_scopes(const json::Value& definition, Findings& findings);

}  // namespace flowctl::asl
