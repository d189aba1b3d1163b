// Files of results; see result_files.hpp.
#include "pg/map_runs/result_files.hpp"

#include <algorithm>
#include <utility>

#include "core/json.hpp"

namespace flowctl::pg {

namespace {

using Kind = asl::DataResource::Kind;

constexpr std::size_t kFileRows = 5'000;
constexpr std::int64_t kWindow = 2'000;  // of children, looked at in one slice
constexpr std::size_t kFileBytes = 2 * 1024 * 1024;

// AWS's writer has a kind of file for each outcome. At any other endpoint all results go into one kind.
struct FileKind {
    const char* name;
    std::vector<machine::Status> statuses;
    machine::Status status;
};
const std::vector<FileKind>& kinds_of(Kind kind) {
    using machine::Status;
    static const std::vector<FileKind> apart = {
        {"SUCCEEDED", {Status::Succeeded}, Status::Succeeded},
        {"FAILED", {Status::Failed, Status::TimedOut}, Status::Failed},
        {"PENDING", {Status::Aborted}, Status::Running}};
    static const std::vector<FileKind> together = {{"", {}, Status::Succeeded}};
    return kind == Kind::S3PutObject ? apart : together;
}

// "orders" or "shop.orders", as the arguments name it.
std::string table_name(const json::Value& arguments) {
    const std::string schema = text_argument(arguments, "Schema");
    return (schema.empty() ? "" : schema + ".") + text_argument(arguments, "Table");
}

std::string prefix_of(const MapRun& run) {
    std::string prefix = text_argument(run.plan.writer->arguments, "Prefix");
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';
    return prefix + run.plan.uuid + "/";
}

}  // namespace

std::string ResultFiles::save() const {
    std::vector<json::Value> files;
    for (const map_run::ResultFile& file : done)
        files.push_back(json::ObjectBuilder()
                            .add("key", file.key)
                            .add("size", json::Value::integer(file.size))
                            .add("status", json::Value::integer(static_cast<int>(file.status)))
                            .build());
    return json::dump(json::ObjectBuilder()
                          .add("kind", json::Value::integer(kind))
                          .add("number", json::Value::integer(number))
                          .add("next", json::Value::integer(next))
                          .add("done", json::Value::array(std::move(files)))
                          .build());
}

ResultFiles ResultFiles::load(const std::optional<std::string>& saved) {
    ResultFiles files;
    if (!saved) return files;
    json::ParseLimits limits;
    limits.max_bytes = saved->size() + 1;
    const auto parsed = json::parse(*saved, limits);
    if (!parsed) return files;
    const auto number = [](const json::Value& object, const char* name) -> std::int64_t {
        const json::Value* value = object.find(name);
        return value != nullptr && value->is_number() ? value->as_integer().value_or(0) : 0;
    };
    files.kind = static_cast<int>(number(*parsed, "kind"));
    files.number = static_cast<int>(number(*parsed, "number"));
    files.next = number(*parsed, "next");
    if (const json::Value* done = parsed->find("done"); done != nullptr && done->is_array())
        for (const json::Value& file : done->items())
            files.done.push_back({text_argument(file, "key"), number(file, "size"),
                                  static_cast<machine::Status>(number(file, "status"))});
    return files;
}

bool ResultFileWriter::write(MapRun& run) {
    if (run.request != 0) return false;
    return run.answer ? take_answer(run) : send_next(run);
}

// A file has arrived, or has been refused.
bool ResultFileWriter::take_answer(MapRun& run) {
    const auto* refusal = std::get_if<http_task::Refusal>(&run.answer->body);
    ResultFiles files = run.files;
    if (refusal == nullptr && !run.manifest_sent) {
        const std::vector<FileKind>& kinds = kinds_of(run.plan.writer->resource.kind);
        files.done.push_back(
            {run.file_key, run.file_bytes, kinds.at(static_cast<std::size_t>(files.kind)).status});
        files.number++;
        files.next = run.file_next;
    }
    in_transaction("pg_flowctl: results of a map run have arrived", [&](Spi& spi) {
        store::append_outcomes({run.answer->outcome});
        if (refusal != nullptr || run.manifest_sent) return;
        store::set_writer_state(spi, run.id, files.save());
        store::add_results_written(spi, run.id, run.in_file);
    });
    const std::string cause = refusal == nullptr ? "" : refusal->error + ": " + refusal->cause;
    const bool taken = refusal == nullptr;
    run.answer.reset();
    if (!taken) {
        phases_.fail(run, std::string(map_run::kResultWriterFailed), cause);
        return true;
    }
    if (run.manifest_sent) {
        run.files_done = true;
        return true;
    }
    run.files = std::move(files);
    run.results_written += run.in_file;
    return true;
}

// Fetches more results for the next file. False: the file is full, or there are no more results.
bool ResultFileWriter::gather(MapRun& run, const std::vector<machine::Status>& statuses) {
    run.gathered_to = std::max(run.gathered_to, run.files.next);
    const bool full = run.gathered.size() >= kFileRows || run.gathered_bytes >= kFileBytes;
    if (full || run.gathered_to >= run.written) return false;
    store::ChildResults found;
    in_transaction("pg_flowctl: collecting the results of a map run", [&](Spi& spi) {
        found = store::find_results(spi, run.id, run.gathered_to, run.gathered_to + kWindow,
                                    kFileBytes - run.gathered_bytes, statuses);
    });
    run.gathered_to = found.next;
    for (store::ChildResult& child : found.children) {
        run.gathered_bytes += child.input.size() + (child.output ? child.output->size() : 0) +
                              (child.cause ? child.cause->size() : 0);
        run.gathered.push_back(std::move(child));
    }
    return true;
}

// A file holds the next results of one kind. The last file is the manifest, if the writer is AWS's.
bool ResultFileWriter::send_next(MapRun& run) {
    const machine::MapRunPlan::Writer& writer = *run.plan.writer;
    const std::vector<FileKind>& kinds = kinds_of(writer.resource.kind);
    const auto kind = static_cast<std::size_t>(run.files.kind);
    if (kind < kinds.size()) {
        if (gather(run, kinds[kind].statuses)) return true;
        if (run.gathered.empty()) {
            run.files.kind++;
            run.files.number = 0;
            run.files.next = run.gathered_to = 0;
            return true;
        }
    }
    const std::vector<store::ChildResult> children = std::exchange(run.gathered, {});
    run.gathered_bytes = 0;
    const bool to_s3 = writer.resource.kind == Kind::S3PutObject;
    const bool lines = run.plan.output_type == asl::ResultWriter::OutputType::Jsonl;
    http_task::Document document;
    document.content_type = "application/json";
    std::string name = "manifest.json";
    document.body.emplace();
    if (children.empty()) {
        if (!to_s3) {
            run.files_done = true;
            return true;
        }
        run.manifest_sent = true;
        *document.body = json::dump(
            map_run::manifest_of(run.plan, text_argument(writer.arguments, "Bucket"), run.files.done));
    } else {
        if (lines) document.content_type = "application/jsonl";
        name = std::string(kinds[static_cast<std::size_t>(run.files.kind)].name) + "_" +
               std::to_string(run.files.number) + (lines ? ".jsonl" : ".json");
        run.in_file = static_cast<std::int64_t>(children.size());
        run.file_next = run.gathered_to;
        map_run::ResultText results(run.plan.output_type);
        for (const store::ChildResult& child : children)
            for (const json::Value& result :
                 map_run::results_of(child_end(run, child), run.plan.transformation))
                results.append(result, *document.body);
        results.finish(*document.body);
    }
    run.file_bytes = static_cast<std::int64_t>(document.body->size());
    run.file_key = prefix_of(run) + name;
    if (to_s3)
        document.input =
            json::ObjectBuilder()
                .add("Method", "PUT")
                .add("Path", object_path(text_argument(writer.arguments, "Bucket"), run.file_key))
                .build();
    else
        document.input = as_invoke(writer.arguments, "POST");
    const bool done = exchange_.send(run, run.plan.path + "/" + run.plan.state + "/ResultWriter/" + name,
                                     writer.resource, document);
    if (run.request == 0) run.forget_gathered();  // no room for the call: the file is made once more later
    return done;
}

json::Value writer_details(const MapRun& run) {
    const machine::MapRunPlan::Writer& writer = *run.plan.writer;
    json::ObjectBuilder details;
    switch (writer.resource.kind) {
        case Kind::S3PutObject:
            return details.add("Bucket", text_argument(writer.arguments, "Bucket"))
                .add("Key", prefix_of(run) + "manifest.json")
                .build();
        case Kind::Http:
            return details
                .add("Files", json::Value::integer(static_cast<std::int64_t>(run.files.done.size())))
                .add("Results", json::Value::integer(run.results_written))
                .add("Server", writer.resource.name)
                .build();
        default:
            return details.add("Results", json::Value::integer(run.results_written))
                .add("Table", table_name(writer.arguments))
                .build();
    }
}

}  // namespace flowctl::pg
