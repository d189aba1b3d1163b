// MapRunPlan: everything that a map run needs, decided when its Map state begins.
//
// A map run goes on as long as its children do, and the run that began it may leave memory before. So the
// plan holds the values of the Map's fields and everything that its ItemSelector will see; only the selector
// itself stays in the definition. The plan is stored as JSON. For an absent member, a later version of the
// extension takes the default.
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
    json::Value arguments;  // the value of Parameters or Arguments; null if there are none
    asl::ReaderConfig config;
    std::int64_t max_items = 0;  // 0: all items
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

    // The name of the Map state. Under this name asl::Flow::processors has the flow that the children run.
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
    json::Value items;  // an array or an object; null if `reader` says where the items are
    std::optional<Reader> reader;
    std::optional<Batcher> batcher;
    std::optional<Writer> writer;  // absent if the results become the state's result
    asl::ResultWriter::Transformation transformation = asl::ResultWriter::Transformation::Compact;
    asl::ResultWriter::OutputType output_type = asl::ResultWriter::OutputType::Json;
    bool keeps_outputs = true;  // false if nobody will see the state's result

    // What ItemSelector sees: the state's effective input, the Context Object without Map.Item, and the
    // variables.
    json::Value input;
    json::Value context;
    json::Value variables;  // an object

    // Map.Item.Source: where the items come from, in AWS's words.
    std::string source() const;

    json::Value save() const;
    // Fails with a reason when the JSON is not a plan that this version knows.
    static Result<MapRunPlan, std::string> load(const json::Value& saved);
};

}  // namespace flowctl::machine
