// Results of a map run; see results.hpp.
#include "core/map_run/results.hpp"

#include "core/asl/timestamp.hpp"
#include "core/machine/evaluate.hpp"

namespace flowctl::map_run {

namespace {

json::Value included() {
    return json::ObjectBuilder().add("Included", json::Value::boolean(true)).build();
}

std::string redrive_reason(machine::Status status) {
    return "Execution is " + std::string(machine::name_of(status)) + " and cannot be redriven";
}

}  // namespace

json::Value description_of(const ChildEnd& end) {
    json::ObjectBuilder out;
    if (end.cause) out.add("Cause", *end.cause);
    if (end.error) out.add("Error", *end.error);
    out.add("ExecutionArn", end.arn);
    out.add("Input", json::dump(end.input));
    out.add("InputDetails", included());
    out.add("Name", end.name);
    if (end.status == machine::Status::Succeeded) {
        out.add("Output", json::dump(end.output));
        out.add("OutputDetails", included());
    }
    out.add("RedriveCount", json::Value::integer(0));
    const bool succeeded = end.status == machine::Status::Succeeded;
    out.add("RedriveStatus", succeeded ? "NOT_REDRIVABLE" : "REDRIVABLE_BY_MAP_RUN");
    if (succeeded) out.add("RedriveStatusReason", redrive_reason(end.status));
    out.add("StartDate", asl::format_instant(end.started_at));
    out.add("StateMachineArn", end.state_machine_arn);
    out.add("Status", machine::name_of(end.status));
    out.add("StopDate", asl::format_instant(end.ended_at));
    return out.build();
}

std::vector<json::Value> results_of(const ChildEnd& end, asl::ResultWriter::Transformation transformation) {
    using Transformation = asl::ResultWriter::Transformation;
    if (transformation == Transformation::None || end.status != machine::Status::Succeeded)
        return {description_of(end)};
    if (transformation == Transformation::Flatten && end.output.is_array()) return end.output.items();
    return {end.output};
}

Results::Results(const machine::MapRunPlan& plan, const machine::Limits& limits)
    : state_(plan.state),
      transformation_(plan.transformation),
      output_type_(plan.output_type),
      max_bytes_(limits.max_payload_bytes),
      seen_(plan.keeps_outputs && !plan.writer) {}

void Results::recall(const ChildEnd& end) {
    if (!wants()) return;
    std::vector<json::Value> results = results_of(end, transformation_);
    for (const json::Value& result : results)
        bytes_ += json::dumped_size(result) + 1;
    if (bytes_ + 1 > max_bytes_) {
        too_large_ = true;
        results_.clear();
        return;
    }
    results_[end.index] = std::move(results);
}

Result<json::Value, Failure> Results::result() const {
    if (too_large_) return Err{too_large(state_, "returned a result")};
    std::vector<json::Value> all;
    for (const auto& [index, results] : results_)
        all.insert(all.end(), results.begin(), results.end());
    if (output_type_ == asl::ResultWriter::OutputType::Jsonl) {
        ResultText lines(output_type_);
        std::string text;
        for (const json::Value& each : all)
            lines.append(each, text);
        return json::Value::string(text);
    }
    json::Value result = json::Value::array(std::move(all));
    if (json::depth(result) > machine::kMaxPayloadDepth) {
        return Err{Failure{
            std::string(machine::kDataLimit),
            "The state/task '" + state_ + "' returned a result that is nested more than 1000 levels deep."}};
    }
    return result;
}

void ResultText::append(const json::Value& result, std::string& out) {
    if (type_ == asl::ResultWriter::OutputType::Json) out += any_ ? ',' : '[';
    json::dump(result, out);
    if (type_ == asl::ResultWriter::OutputType::Jsonl) out += '\n';
    any_ = true;
}

void ResultText::finish(std::string& out) {
    if (type_ != asl::ResultWriter::OutputType::Json) return;
    if (!any_) out += '[';
    out += ']';
}

json::Value manifest_of(const machine::MapRunPlan& plan, const std::string& bucket,
                        const std::vector<ResultFile>& files) {
    std::vector<json::Value> failed, pending, succeeded;
    for (const ResultFile& file : files) {
        auto& list = file.status == machine::Status::Succeeded ? succeeded
                     : file.status == machine::Status::Running ? pending
                                                               : failed;
        list.push_back(
            json::ObjectBuilder().add("Key", file.key).add("Size", json::Value::integer(file.size)).build());
    }
    return json::ObjectBuilder()
        .add("DestinationBucket", bucket)
        .add("MapRunArn", plan.arn)
        .add("ResultFiles", json::ObjectBuilder()
                                .add("FAILED", json::Value::array(std::move(failed)))
                                .add("PENDING", json::Value::array(std::move(pending)))
                                .add("SUCCEEDED", json::Value::array(std::move(succeeded)))
                                .build())
        .build();
}

json::Value writer_output(const machine::MapRunPlan& plan, json::Value details) {
    return json::ObjectBuilder()
        .add("MapRunArn", plan.arn)
        .add("ResultWriterDetails", std::move(details))
        .build();
}

}  // namespace flowctl::map_run
