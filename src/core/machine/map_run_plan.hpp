// MapRunPlan: what a map run does, said once and for all when its Map state begins.
//
// A map run outlives the memory of the run that began it and goes on for as long as its children do, so its
// plan holds everything that it needs: the values of the Map's fields, and what its ItemSelector will see.
// Only the selector itself stays in the definition. The plan is stored as JSON; a later version of the
// extension takes the defaults for members that are absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/asl/model.hpp"
#include "core/json.hpp"

namespace flowctl::machine {

struct PlannedReader {
    asl::DataResource resource;
    json::Value arguments;  // Parameters or Arguments, evaluated; null if there are none
    asl::ReaderConfig config;
    std::int64_t max_items = 0;  // 0: all
};
struct PlannedBatcher {
    std::int64_t max_items = 0;  // 0: any number
    std::int64_t max_bytes = 0;
    json::Value input;  // BatchInput; null if there is none
};
struct PlannedWriter {
    asl::DataResource resource;
    json::Value arguments;
};

struct MapRunPlan {
    using Reader = PlannedReader;
    using Batcher = PlannedBatcher;
    using Writer = PlannedWriter;

    // The name of the Map state. asl::Flow::processors has under this name what the children run.
    std::string state;
    std::string path;  // as Call::path
    int visit = 0;
    int attempt = 0;
    std::int64_t entered_event = 0;  // of the visit, for texts of errors

    std::string arn;  // of the map run; see identifiers.hpp
    std::string label;
    std::string uuid;
    bool express = false;              // ExecutionType of the children
    std::int64_t max_concurrency = 0;  // 0: as many as the engine allows
    std::optional<std::int64_t> tolerated_count;
    std::optional<double> tolerated_percentage;
    json::Value items;  // an array, or an object; null when `reader` says where they are
    std::optional<Reader> reader;
    std::optional<Batcher> batcher;
    std::optional<Writer> writer;  // absent: the results become the state's result
    asl::ResultWriter::Transformation transformation = asl::ResultWriter::Transformation::Compact;
    asl::ResultWriter::OutputType output_type = asl::ResultWriter::OutputType::Json;
    bool keeps_outputs = true;  // false: nobody will see the state's result

    // What ItemSelector sees: the state's effective input, the Context Object without Map.Item, variables.
    json::Value input;
    json::Value context;
    json::Value variables;  // an object

    // Map.Item.Source: where the items come from, as AWS says it.
    std::string source() const;

    json::Value save() const;
    // Fails with a reason when the JSON is not a plan that this version knows.
    static Result<MapRunPlan, std::string> load(const json::Value& saved);
};

}  // namespace flowctl::machine
