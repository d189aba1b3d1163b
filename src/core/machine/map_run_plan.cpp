// Saving and loading plans; see map_run_plan.hpp.
//
// load() trusts nothing, because a plan comes from a table. A member that is missing, of the wrong type or
// out of range is an error that names it.
#include "core/machine/map_run_plan.hpp"

#include <array>

#include "core/machine/saved.hpp"

namespace flowctl::machine {

namespace {

constexpr std::int64_t kPlanFormat = 1;
constexpr std::int64_t kMost = 1'000'000'000'000;

constexpr std::array<std::string_view, 6> kInputTypes = {"NONE",  "CSV",     "JSON",
                                                         "JSONL", "PARQUET", "MANIFEST"};
constexpr std::array<std::string_view, 3> kTransformations = {"NONE", "COMPACT", "FLATTEN"};
constexpr std::array<std::string_view, 2> kOutputTypes = {"JSON", "JSONL"};

json::Value save_reader(const MapRunPlan::Reader& reader) {
    json::ObjectBuilder out;
    out.add("resource", reader.resource.text);
    add_value(out, "arguments", reader.arguments);
    add_number(out, "maxItems", reader.max_items);
    const asl::ReaderConfig& config = reader.config;
    out.add("inputType", kInputTypes[static_cast<std::size_t>(config.input_type)]);
    add_flag(out, "loadAndFlatten", config.load_and_flatten);
    add_text(out, "manifestType", config.manifest_type);
    if (config.csv_delimiter != ',') out.add("csvDelimiter", std::string(1, config.csv_delimiter));
    if (config.csv_headers) {
        std::vector<json::Value> headers;
        for (const std::string& header : *config.csv_headers)
            headers.push_back(json::Value::string(header));
        out.add("csvHeaders", json::Value::array(std::move(headers)));
    }
    add_text(out, "itemsPointer", config.items_pointer);
    return out.build();
}

json::Value save_batcher(const MapRunPlan::Batcher& batcher) {
    json::ObjectBuilder out;
    add_number(out, "maxItems", batcher.max_items);
    add_number(out, "maxBytes", batcher.max_bytes);
    add_value(out, "input", batcher.input);
    return out.build();
}

json::Value save_writer(const MapRunPlan::Writer& writer) {
    json::ObjectBuilder out;
    out.add("resource", writer.resource.text);
    add_value(out, "arguments", writer.arguments);
    return out.build();
}

class PlanReader : public SavedReader {
  public:
    PlanReader() : SavedReader("the stored plan of the map run") {}
    std::int64_t count(const json::Value& object, std::string_view key) {
        return integer(object, key, 0, 0, kMost);
    }
    template <class Parse>
    asl::DataResource resource(const json::Value& object, Parse parse) {
        auto parsed = parse(text_or_empty(object, "resource"));
        if (parsed.ok()) return std::move(parsed).value();
        fail("resource");
        return {};
    }
};

MapRunPlan::Reader load_reader(const json::Value& saved, PlanReader& loader) {
    MapRunPlan::Reader reader;
    reader.resource = loader.resource(saved, asl::DataResource::parse_reader);
    reader.arguments = PlanReader::value(saved, "arguments");
    reader.max_items = loader.count(saved, "maxItems");
    asl::ReaderConfig& config = reader.config;
    config.input_type = static_cast<asl::InputType>(loader.one_of(saved, "inputType", kInputTypes, 0));
    config.load_and_flatten = loader.flag(saved, "loadAndFlatten", false);
    config.manifest_type = loader.text_or_empty(saved, "manifestType");
    const std::string delimiter = loader.text_or_empty(saved, "csvDelimiter");
    if (delimiter.size() > 1) loader.fail("csvDelimiter");
    if (!delimiter.empty()) config.csv_delimiter = delimiter.front();
    if (const json::Value* headers = saved.find("csvHeaders")) {
        config.csv_headers.emplace();
        if (!headers->is_array()) loader.fail("csvHeaders");
        for (std::size_t i = 0; headers->is_array() && i < headers->size(); ++i) {
            const json::Value& header = headers->items()[i];
            if (!header.is_string()) {
                loader.fail("csvHeaders");
                break;
            }
            config.csv_headers->emplace_back(header.as_string());
        }
    }
    config.items_pointer = loader.text_or_empty(saved, "itemsPointer");
    return reader;
}

MapRunPlan::Batcher load_batcher(const json::Value& saved, PlanReader& loader) {
    MapRunPlan::Batcher batcher;
    batcher.max_items = loader.count(saved, "maxItems");
    batcher.max_bytes = loader.count(saved, "maxBytes");
    batcher.input = PlanReader::value(saved, "input");
    return batcher;
}

MapRunPlan::Writer load_writer(const json::Value& saved, PlanReader& loader) {
    MapRunPlan::Writer writer;
    writer.resource = loader.resource(saved, asl::DataResource::parse_writer);
    writer.arguments = PlanReader::value(saved, "arguments");
    return writer;
}

}  // namespace

std::string MapRunPlan::source() const {
    if (!reader) return "STATE_DATA";
    const bool is_s3 = reader->resource.kind == asl::DataResource::Kind::S3GetObject ||
                       reader->resource.kind == asl::DataResource::Kind::S3ListObjects;
    if (!is_s3) return reader->resource.text;
    const json::Value* bucket = reader->arguments.find("Bucket");
    if (bucket == nullptr || !bucket->is_string()) return reader->resource.text;
    std::string uri = "S3://" + std::string(bucket->as_string());
    const json::Value* key = reader->arguments.find("Key");
    if (key != nullptr && key->is_string()) uri.append("/").append(key->as_string());
    return uri;
}

json::Value MapRunPlan::save() const {
    json::ObjectBuilder out;
    out.add("format", json::Value::integer(kPlanFormat));
    out.add("state", state);
    add_text(out, "path", path);
    add_number(out, "visit", visit);
    add_number(out, "attempt", attempt);
    add_number(out, "enteredEvent", entered_event);
    add_text(out, "arn", arn);
    add_text(out, "label", label);
    add_text(out, "uuid", uuid);
    add_flag(out, "express", express);
    add_number(out, "maxConcurrency", max_concurrency);
    add_number(out, "toleratedCount", tolerated_count);
    if (tolerated_percentage) out.add("toleratedPercentage", json::Value::number(*tolerated_percentage));
    add_value(out, "items", items);
    if (reader) out.add("reader", save_reader(*reader));
    if (batcher) out.add("batcher", save_batcher(*batcher));
    if (writer) out.add("writer", save_writer(*writer));
    out.add("transformation", kTransformations[static_cast<std::size_t>(transformation)]);
    out.add("outputType", kOutputTypes[static_cast<std::size_t>(output_type)]);
    if (!keeps_outputs) out.add("keepsOutputs", json::Value::boolean(false));
    // A null input is left out, because it is the same as none.
    add_value(out, "input", input);
    add_value(out, "context", context);
    if (variables.size() > 0) out.add("variables", variables);
    return out.build();
}

Result<MapRunPlan, std::string> MapRunPlan::load(const json::Value& saved) {
    if (!saved.is_object()) return Err{std::string("the stored plan of the map run is not an object")};
    const json::Value* format = saved.find("format");
    if (format == nullptr || !format->is_number() || format->as_integer() != kPlanFormat)
        return Err{
            std::string("the stored plan of the map run has a format that this version does not know")};
    PlanReader loader;
    MapRunPlan plan;
    plan.state = loader.text_or_empty(saved, "state");
    if (plan.state.empty()) loader.fail("state");
    plan.path = loader.text_or_empty(saved, "path");
    plan.visit = static_cast<int>(loader.count(saved, "visit"));
    plan.attempt = static_cast<int>(loader.count(saved, "attempt"));
    plan.entered_event = loader.count(saved, "enteredEvent");
    plan.arn = loader.text_or_empty(saved, "arn");
    plan.label = loader.text_or_empty(saved, "label");
    plan.uuid = loader.text_or_empty(saved, "uuid");
    plan.express = loader.flag(saved, "express", false);
    plan.max_concurrency = loader.count(saved, "maxConcurrency");
    if (saved.find("toleratedCount") != nullptr) plan.tolerated_count = loader.count(saved, "toleratedCount");
    if (const json::Value* percentage = saved.find("toleratedPercentage")) {
        const double value = percentage->is_number() ? percentage->as_double() : -1.0;
        if (!(value >= 0.0 && value <= 100.0)) loader.fail("toleratedPercentage");
        plan.tolerated_percentage = value;
    }
    plan.items = PlanReader::value(saved, "items");
    if (const json::Value* reader = loader.member(saved, "reader", json::Kind::Object))
        plan.reader = load_reader(*reader, loader);
    if (const json::Value* batcher = loader.member(saved, "batcher", json::Kind::Object))
        plan.batcher = load_batcher(*batcher, loader);
    if (const json::Value* writer = loader.member(saved, "writer", json::Kind::Object))
        plan.writer = load_writer(*writer, loader);
    if (!plan.reader && !plan.items.is_array() && !plan.items.is_object()) loader.fail("items");
    plan.transformation = static_cast<asl::ResultWriter::Transformation>(
        loader.one_of(saved, "transformation", kTransformations, 1));
    plan.output_type =
        static_cast<asl::ResultWriter::OutputType>(loader.one_of(saved, "outputType", kOutputTypes, 0));
    plan.keeps_outputs = loader.flag(saved, "keepsOutputs", true);
    plan.input = PlanReader::value(saved, "input");
    plan.context = PlanReader::value(saved, "context");
    if (const json::Value* variables = loader.member(saved, "variables", json::Kind::Object)) {
        plan.variables = *variables;
    } else {
        plan.variables = json::Value::object({});
    }
    if (!loader.error().empty()) return Err{loader.error()};
    return plan;
}

}  // namespace flowctl::machine
