// Distributed Maps of a definition: ItemReader, ItemBatcher, ResultWriter and Label, read into the model; see
// distribution.cpp.
#pragma once

#include <string>

#include "core/asl/fields.hpp"
#include "core/asl/model.hpp"
#include "core/asl/parts.hpp"

namespace flowctl::asl {

// ProcessorConfig, as far as it was understood.
struct ProcessorConfig {
    bool distributed = false;
    bool express = false;
};
ProcessorConfig read_processor_config(Fields& processor);

// Whether the processor, as written, is that of a distributed Map.
bool is_distributed(const json::Value& processor);

// A number that is written out, or leads from a path or an expression.
Count read_count(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least,
                 std::int64_t most);

// What the Map state `fields` has of a distributed Map, apart from its flow.
Distribution read_distribution(Fields& fields, const ProcessorConfig& config, const std::string& state);
// Refuses those fields in an inline Map.
void refuse_distribution(Fields& fields);

// Adds what the children of each distributed Map in the block run, however deep; see Flow::processors.
using Processors = std::map<std::string, std::shared_ptr<const Flow>, std::less<>>;
void collect_processors(const Block& block, Processors& processors);

// Reports what children of the type EXPRESS cannot have, and a Label that two Maps have.
void check_distribution(const json::Value& definition, Findings& findings);

}  // namespace flowctl::asl
