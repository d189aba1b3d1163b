// Results of a map run: what is kept of each child, and the files and outputs made from it, in AWS's formats.
// See ResultWriter in docs/map-runs.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/map_run/map_run.hpp"

namespace flowctl::map_run {

// {ExecutionArn, Input, InputDetails, Name, Output or Error and Cause, StartDate, Status, StopDate, ...}
json::Value description_of(const ChildEnd& end);

// The results of one child, as `transformation` says: its description, its output, or the items of its
// output. A child that did not succeed gives its description, whatever the transformation is.
std::vector<json::Value> results_of(const ChildEnd& end, asl::ResultWriter::Transformation transformation);

// Collects the children's results for the state's own result. They are in the order of the items, whatever
// the order in which they come. The payload limit bounds them; beyond it they are dropped, and the state
// fails at its end, as on AWS.
class Results {
  public:
    Results(const machine::MapRunPlan& plan, const machine::Limits& limits);

    // Keeps the results of a child that has ended.
    void recall(const ChildEnd& end);
    // Whether results are needed. Nobody sees them if the Map has a writer, or once they have become too
    // large.
    bool wants() const noexcept { return seen_ && !too_large_; }
    // The state's result, or why there is none. All children must have been recalled.
    Result<json::Value, Failure> result() const;

  private:
    std::string state_;
    asl::ResultWriter::Transformation transformation_;
    asl::ResultWriter::OutputType output_type_;
    std::size_t max_bytes_;
    bool seen_;
    std::map<std::int64_t, std::vector<json::Value>> results_;  // by the number of the child
    std::size_t bytes_ = 0;
    bool too_large_ = false;
};

// The text of a file of results, made piece by piece.
class ResultText {
  public:
    explicit ResultText(asl::ResultWriter::OutputType type) : type_(type) {}
    void append(const json::Value& result, std::string& out);
    void finish(std::string& out);

  private:
    asl::ResultWriter::OutputType type_;
    bool any_ = false;
};

// A file that the writer has written.
struct ResultFile {
    std::string key;
    std::int64_t size = 0;
    // Of the children in it; Running for children that never began.
    machine::Status status = machine::Status::Succeeded;
};

// The manifest.json of AWS's writer.
json::Value manifest_of(const machine::MapRunPlan& plan, const std::string& bucket,
                        const std::vector<ResultFile>& files);

// The state's result if a writer has the results: {MapRunArn, ResultWriterDetails: details}.
json::Value writer_output(const machine::MapRunPlan& plan, json::Value details);

}  // namespace flowctl::map_run
