// Turns of the engine: items that come from an endpoint, and results that go to one. See engine.hpp.
//
// A document of items is one call of the parent: its intent is in flowctl_catalog.call before it leaves, and
// the answer goes into the row of the map run before anything is made of it, so that it is never asked for
// again; then it is taken apart a slice at a time. Results go out as files of bounded size, one call after
// the other; how far that has come is stored with each answer, so that after a crash the last file at most is
// sent again, with the same Idempotency-Key.
//
// S3's objects lie where path-style addresses say, <url>/<bucket>/<key>, of the endpoint whose option `arn`
// covers the Resource.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "core/items/s3_listing.hpp"
#include "core/json.hpp"
#include "net/http/url.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/engine/batch.hpp"
#include "pg/map_runs/children.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

namespace {

using Kind = asl::DataResource::Kind;

constexpr std::int64_t kSliceMicros = 10'000;  // of taking a document apart
constexpr std::size_t kPieceBytes = 8 * 1024;
constexpr std::size_t kMaxItemBytes = 64 * 1024 * 1024;
constexpr std::size_t kMaxListingBytes = 64 * 1024 * 1024;
constexpr int kMaxEmptyPages = 100;  // of a list: one may have a next one, too
constexpr std::size_t kFileRows = 5'000;
constexpr std::int64_t kWindow = 2'000;  // of children, looked at in one slice
constexpr std::size_t kFileBytes = 2 * 1024 * 1024;

// What AWS writes into files of their own; elsewhere all results go together.
struct FileKind {
    const char* name;
    std::vector<std::string_view> statuses;
    machine::Status status;
};
const std::vector<FileKind>& kinds_of(Kind kind) {
    static const std::vector<FileKind> apart = {{"SUCCEEDED", {"SUCCEEDED"}, machine::Status::Succeeded},
                                                {"FAILED", {"FAILED", "TIMED_OUT"}, machine::Status::Failed},
                                                {"PENDING", {"ABORTED"}, machine::Status::Running}};
    static const std::vector<FileKind> together = {{"", {}, machine::Status::Succeeded}};
    return kind == Kind::S3PutObject ? apart : together;
}

bool is_s3(Kind kind) {
    return kind == Kind::S3GetObject || kind == Kind::S3ListObjects || kind == Kind::S3PutObject;
}

std::string text_of(const json::Value& arguments, const char* name) {
    const json::Value* value = arguments.find(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// Each segment encoded; the slashes are the key's own.
std::string object_path(const std::string& bucket, const std::string& key) {
    std::string path = "/" + net::percent_encode(bucket);
    std::size_t from = 0;
    for (;;) {
        const std::size_t slash = key.find('/', from);
        path += "/" + net::percent_encode(key.substr(from, slash - from));
        if (slash == std::string::npos) return path;
        from = slash + 1;
    }
}

// The arguments as the input of an :invoke, with this method.
json::Value as_invoke(const json::Value& arguments, const char* method) {
    json::ObjectBuilder input;
    input.add("Method", method);
    if (arguments.is_object())
        for (const json::Member& member : arguments.members())
            if (member.key != "Method") input.add(member.key, member.value);
    return input.build();
}

// A page of a bucket's list.
json::Value listing_input(const json::Value& arguments, const std::optional<std::string>& token) {
    json::ObjectBuilder query;
    query.add("list-type", "2");
    if (const std::string prefix = text_of(arguments, "Prefix"); !prefix.empty()) query.add("prefix", prefix);
    if (token) query.add("continuation-token", *token);
    return json::ObjectBuilder()
        .add("Method", "GET")
        .add("Path", "/" + net::percent_encode(text_of(arguments, "Bucket")))
        .add("QueryParameters", query.build())
        .build();
}

std::string prefix_of(const MapRun& run) {
    std::string prefix = text_of(run.plan.writer->arguments, "Prefix");
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
            files.done.push_back({text_of(file, "key"), number(file, "size"),
                                  static_cast<machine::Status>(number(file, "status"))});
    return files;
}

// ---------------------------------------------------------------------------------------------- calls

// Sends a document's call; its answer comes to take_document(). What cannot be sent fails the map run.
bool Engine::exchange(MapRun& run, const std::string& path, const asl::DataResource& resource,
                      const http_task::Document& document) {
    std::optional<http_task::Refusal> refusal;
    std::optional<http_task::Prepared> prepared;
    bool waits = false;
    {
        Transaction transaction("pg_flowctl: preparing a call of a map run");
        {
            Spi spi;
            machine::Call call;
            call.id = run.call_id;
            call.resource.kind = asl::Resource::Kind::HttpInvoke;
            call.resource.name = resource.name;
            call.path = path;
            call.state = run.plan.state;
            call.visit = run.plan.visit;
            call.attempt = run.plan.attempt;
            if (is_s3(resource.kind)) {
                call.resource.text = resource.name;
                auto server = endpoint_for_arn(resource.name);
                if (server)
                    call.resource.name = std::move(server).value();
                else
                    refusal = http_task::Refusal{server.error().error, server.error().cause};
            }
            waits = !refusal && !lanes_.has_room(call.resource.name, 0, 0);
            store::LoadedRuns parents;
            if (!refusal && !waits) parents = store::load_runs(spi, {run.parent}, 1);
            if (!parents.runs.empty()) {
                std::string problem;
                const std::unique_ptr<LiveRun> parent = make_live(spi, parents.runs.front(), problem);
                const std::int32_t sending =
                    store::next_sending(spi, run.parent, static_cast<std::int32_t>(run.call_id));
                http_task::Lookups lookups;
                auto result = problem.empty() ? http_task::prepare_document(*parent, call, document,
                                                                            now_micros(), sending, lookups)
                                              : http_task::Refusal{"States.Runtime", problem};
                if (auto* refused = std::get_if<http_task::Refusal>(&result))
                    refusal = std::move(*refused);
                else
                    prepared = std::get<http_task::Prepared>(std::move(result));
            }
            if (prepared) store::append_calls({&prepared->intent});
        }
        transaction.commit();
    }
    if (refusal) {
        const bool reads = run.phase == store::MapPhase::Reading;
        fail_map_run(run, std::string(reads ? map_run::kItemReaderFailed : map_run::kResultWriterFailed),
                     refusal->error + ": " + refusal->cause);
        return true;
    }
    if (!prepared) return false;
    prepared->pending.map_run = run.id;
    prepared->request.id = run.request = next_request_++;
    prepared->request.redacted = leases_.passwords_of(run.parent);
    lanes_.begin(prepared->pending.lane);
    pending_.emplace(run.request, std::move(prepared->pending));
    client_.start(std::move(prepared->request));
    return false;
}

void Engine::take_document(const http_task::Pending& pending, net::Response&& response) {
    MapRun* run = maps_.find(*pending.map_run);
    if (run == nullptr || run->request != response.id) return;
    run->request = 0;
    run->answer = http_task::interpret_document(pending, std::move(response), now_micros());
}

// ---------------------------------------------------------------------------------------------- items

bool Engine::read_document(MapRun& run) {
    if (run.source) return parse_slice(run);
    if (run.answer) return take_answer(run);
    if (run.request != 0) return false;
    const machine::MapRunPlan::Reader& reader = *run.plan.reader;
    const Kind kind = reader.resource.kind;
    if (reader.config.input_type == asl::InputType::Parquet ||
        reader.config.input_type == asl::InputType::Manifest || reader.config.load_and_flatten) {
        fail_map_run(run, std::string(map_run::kItemReaderFailed),
                     "items of this kind cannot be read: CSV, JSON and JSONL can, and the list of a bucket");
        return true;
    }
    http_task::Document document;
    if (kind == Kind::S3GetObject)
        document.input = json::ObjectBuilder()
                             .add("Method", "GET")
                             .add("Path", object_path(text_of(reader.arguments, "Bucket"),
                                                      text_of(reader.arguments, "Key")))
                             .build();
    else if (kind == Kind::S3ListObjects)
        document.input = listing_input(reader.arguments, run.listing_token);
    else
        document.input = as_invoke(reader.arguments, "GET");
    return exchange(run, run.plan.path, reader.resource, document);
}

// The answer is kept, or the reason why there is none. A bucket's list is kept when its last page has come.
bool Engine::take_answer(MapRun& run) {
    std::string cause, objects;
    std::optional<std::string> source, next_page;
    if (const auto* refusal = std::get_if<http_task::Refusal>(&run.answer->body)) {
        cause = refusal->error + ": " + refusal->cause;
    } else if (run.plan.reader->resource.kind != Kind::S3ListObjects) {
        source = std::get<std::string>(run.answer->body);
    } else if (auto page = items::read_s3_listing(std::get<std::string>(run.answer->body)); !page) {
        cause = page.error();
    } else {
        for (const json::Value& object : page->objects)
            objects += json::dump(object) + "\n";
        next_page = page->next;
        if (run.listing.size() + objects.size() > kMaxListingBytes)
            cause = "the list of the bucket has more than " + std::to_string(kMaxListingBytes) + " bytes";
        else if (next_page && objects.empty() && run.empty_pages >= kMaxEmptyPages)
            cause = "the list of the bucket has more than " + std::to_string(kMaxEmptyPages) +
                    " pages without an object";
        else if (!next_page)
            source = run.listing + objects;
    }
    {
        Transaction transaction("pg_flowctl: keeping the items of a map run");
        {
            Spi spi;
            store::append_outcomes({run.answer->outcome});
            if (source) store::set_map_source(spi, run.id, *source);
        }
        transaction.commit();
    }
    run.answer.reset();
    run.listing += objects;
    run.listing_token = std::move(next_page);
    if (objects.empty()) run.empty_pages++;
    if (source) run.listing.clear();
    run.source = std::move(source);
    if (!cause.empty()) fail_map_run(run, std::string(map_run::kItemReaderFailed), cause);
    return true;
}

// Children from the next pieces of the document; after a restart, those that are there already are passed
// over.
bool Engine::parse_slice(MapRun& run) {
    if (!run.builder) {
        run.builder = make_builder(*run.whole->whole, run.plan, run.items, run.written);
        items::Limits limits;
        limits.max_item_bytes = kMaxItemBytes;
        run.parser = run.plan.reader->resource.kind == Kind::S3ListObjects
                         ? items::make_jsonl_parser(limits)
                         : items::make_parser(run.plan.reader->config, limits);
        run.parsed_to = 0;
        run.to_skip = run.items;
        if (!run.parser) {
            fail_map_run(run, std::string(map_run::kItemReaderFailed),
                         "the reader needs an InputType: CSV, JSON or JSONL");
            return true;
        }
    }
    MapChildren children(run.id, run.parent, run.type);
    const std::int64_t until = now_micros() + kSliceMicros;
    bool more = true;
    for (bool full = false; more && !full && now_micros() < until;) {
        std::vector<items::Item> items;
        std::optional<std::string> problem;
        const std::string_view piece = std::string_view(*run.source).substr(run.parsed_to, kPieceBytes);
        if (piece.empty())
            problem = run.parser->finish(items);
        else
            problem = run.parser->feed(piece, items);
        run.parsed_to += piece.size();
        if (problem) {
            fail_map_run(run, std::string(map_run::kItemReaderFailed), *problem);
            return true;
        }
        more = !piece.empty();
        for (const items::Item& item : items) {
            if (run.to_skip > 0) {
                run.to_skip--;
                continue;
            }
            if (!run.builder->wants_item()) {
                more = false;
                break;
            }
            if (children.add(run.builder->take(item, fresh_now()))) full = true;
        }
    }
    return keep_children(run, children, !more);
}

// ---------------------------------------------------------------------------------------------- results

// Sends the next file, or notes that one has arrived.
bool Engine::write_documents(MapRun& run) {
    if (run.request != 0) return false;
    if (!run.answer) return send_file(run);
    const auto* refusal = std::get_if<http_task::Refusal>(&run.answer->body);
    ResultFiles files = run.files;
    if (refusal == nullptr && !run.manifest_sent) {
        const std::vector<FileKind>& kinds = kinds_of(run.plan.writer->resource.kind);
        files.done.push_back(
            {run.file_key, run.file_bytes, kinds.at(static_cast<std::size_t>(files.kind)).status});
        files.number++;
        files.next = run.file_next;
    }
    {
        Transaction transaction("pg_flowctl: results of a map run have arrived");
        {
            Spi spi;
            store::append_outcomes({run.answer->outcome});
            if (refusal == nullptr && !run.manifest_sent) {
                store::set_writer_state(spi, run.id, files.save());
                store::add_results_written(spi, run.id, run.in_file);
            }
        }
        transaction.commit();
    }
    const std::string cause = refusal == nullptr ? "" : refusal->error + ": " + refusal->cause;
    const bool taken = refusal == nullptr;
    run.answer.reset();
    if (!taken) {
        fail_map_run(run, std::string(map_run::kResultWriterFailed), cause);
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

// More results for the next file; false: it is full, or there are no more.
bool Engine::gather_results(MapRun& run, const std::vector<std::string_view>& statuses) {
    run.gathered_to = std::max(run.gathered_to, run.files.next);
    const bool full = run.gathered.size() >= kFileRows || run.gathered_bytes >= kFileBytes;
    if (full || run.gathered_to >= run.written) return false;
    store::ChildResults found;
    {
        Transaction transaction("pg_flowctl: collecting the results of a map run");
        {
            Spi spi;
            found = store::find_results(spi, run.id, run.gathered_to, run.gathered_to + kWindow,
                                        kFileBytes - run.gathered_bytes, statuses);
        }
        transaction.commit();
    }
    run.gathered_to = found.next;
    for (store::ChildResult& child : found.children) {
        run.gathered_bytes += child.input.size() + (child.output ? child.output->size() : 0) +
                              (child.cause ? child.cause->size() : 0);
        run.gathered.push_back(std::move(child));
    }
    return true;
}

// A file is the next results of one kind; after the last kind comes AWS's manifest, if the writer has one.
bool Engine::send_file(MapRun& run) {
    const machine::MapRunPlan::Writer& writer = *run.plan.writer;
    const std::vector<FileKind>& kinds = kinds_of(writer.resource.kind);
    const auto kind = static_cast<std::size_t>(run.files.kind);
    if (kind < kinds.size()) {
        if (gather_results(run, kinds[kind].statuses)) return true;
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
        *document.body =
            json::dump(map_run::manifest_of(run.plan, text_of(writer.arguments, "Bucket"), run.files.done));
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
        document.input = json::ObjectBuilder()
                             .add("Method", "PUT")
                             .add("Path", object_path(text_of(writer.arguments, "Bucket"), run.file_key))
                             .build();
    else
        document.input = as_invoke(writer.arguments, "POST");
    const bool done = exchange(run, run.plan.path + "/" + run.plan.state + "/ResultWriter/" + name,
                               writer.resource, document);
    if (run.request == 0) run.forget_gathered();  // it waits for room, and is made again
    return done;
}

// What the state's result says of where the results are.
json::Value Engine::writer_details(const MapRun& run) const {
    const machine::MapRunPlan::Writer& writer = *run.plan.writer;
    json::ObjectBuilder details;
    switch (writer.resource.kind) {
        case Kind::S3PutObject:
            return details.add("Bucket", text_of(writer.arguments, "Bucket"))
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
                .add("Table", json::dump(writer.arguments))
                .build();
    }
}

}  // namespace flowctl::pg
