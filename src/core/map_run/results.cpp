// Results of a map run; see results.hpp.
#include "core/map_run/results.hpp"

#include <array>

#include "core/asl/timestamp.hpp"

namespace flowctl::map_run {

namespace {

std::string_view name_of(machine::Status status) {
    constexpr std::array<std::string_view, 5> kNames = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT",
                                                        "ABORTED"};
    return kNames[static_cast<std::size_t>(status)];
}

json::Value included() {
    return json::ObjectBuilder().add("Included", json::Value::boolean(true)).build();
}

std::string redrive_reason(machine::Status status) {
    return "Execution is " + std::string(name_of(status)) + " and cannot be redriven";
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
    out.add("Status", name_of(end.status));
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
