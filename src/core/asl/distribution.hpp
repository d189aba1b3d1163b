// Distributed Maps of a definition: reads ItemReader, ItemBatcher, ResultWriter and Label into the model; see
// distribution.cpp.
#pragma once

#include <string>

#include "core/asl/fields.hpp"
#include "core/asl/model.hpp"
#include "core/asl/parts.hpp"

namespace flowctl::asl {

// ProcessorConfig, as far as it could be read.
struct ProcessorConfig {
    bool distributed = false;
    bool express = false;
};
ProcessorConfig read_processor_config(Fields& processor);

// Whether the processor, as written, belongs to a distributed Map.
bool is_distributed(const json::Value& processor);

// Reads a number that is written out, or that a path or an expression leads to.
Count read_count(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least,
                 std::int64_t most);

// Reads everything that the Map state `fields` has of a distributed Map, except for its flow.
Distribution read_distribution(Fields& fields, const ProcessorConfig& config, const std::string& state);
// Refuses the fields of a distributed Map in an inline one.
void refuse_distribution(Fields& fields);

// Adds the flows that the children of all distributed Maps in the block run, however deep the Maps are
// nested; see Flow::processors.
using Processors = std::map<std::string, std::shared_ptr<const Flow>, std::less<>>;
void collect_processors(const Block& block, Processors& processors);

// Reports everything that children of the type EXPRESS cannot have, and a Label that two Maps have.
void check_distribution(const json::Value& definition, Findings& findings);

}  // namespace flowctl::asl
