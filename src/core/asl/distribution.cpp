// Reads the fields that make a Map a distributed one; see distribution.hpp.
//
// The readers are AWS's two S3 actions and our own: a query, a table, and a document from an HTTP endpoint.
// The format of the documents depends on the reader, so ReaderConfig is checked against the resource.
#include "core/asl/distribution.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/utf8.hpp"
#include "core/asl/states.hpp"
#include "core/asl/walk.hpp"

namespace flowctl::asl {

namespace {

constexpr std::int64_t kMostItems = 100'000'000;
constexpr std::int64_t kMostBatchBytes = 262'144;
constexpr std::size_t kLongestLabel = 40;

template <class Value>
struct Named {
    std::string_view name;
    Value value;
};

// The value that the field names. Nothing if the field is absent, or if its value is unknown, which is
// reported.
template <class Value, std::size_t N>
std::optional<Value> read_choice(Fields& fields, std::string_view field,
                                 const std::array<Named<Value>, N>& choices) {
    const auto text = fields.string(field);
    if (!text) return std::nullopt;
    std::string names;
    for (const Named<Value>& choice : choices) {
        if (choice.name == *text) return choice.value;
        names.append(names.empty() ? "" : ", ").append(choice.name);
    }
    fields.findings().error(fields.at(field), "Value should be one of the following: [" + names + "]");
    return std::nullopt;
}

constexpr std::array<Named<InputType>, 5> kInputTypes = {{{"CSV", InputType::Csv},
                                                          {"JSON", InputType::Json},
                                                          {"JSONL", InputType::Jsonl},
                                                          {"PARQUET", InputType::Parquet},
                                                          {"MANIFEST", InputType::Manifest}}};
constexpr std::array<Named<char>, 5> kDelimiters = {
    {{"COMMA", ','}, {"PIPE", '|'}, {"SEMICOLON", ';'}, {"SPACE", ' '}, {"TAB", '\t'}}};
constexpr std::array<Named<bool>, 2> kHeaderLocations = {{{"FIRST_ROW", false}, {"GIVEN", true}}};
constexpr std::array<Named<bool>, 2> kReaderTransformations = {{{"NONE", false}, {"LOAD_AND_FLATTEN", true}}};
constexpr std::array<Named<std::string_view>, 2> kManifestTypes = {
    {{"ATHENA_DATA", "ATHENA_DATA"}, {"S3_INVENTORY", "S3_INVENTORY"}}};
constexpr std::array<Named<ResultWriter::Transformation>, 3> kWriterTransformations = {
    {{"NONE", ResultWriter::Transformation::None},
     {"COMPACT", ResultWriter::Transformation::Compact},
     {"FLATTEN", ResultWriter::Transformation::Flatten}}};
constexpr std::array<Named<ResultWriter::OutputType>, 2> kOutputTypes = {
    {{"JSON", ResultWriter::OutputType::Json}, {"JSONL", ResultWriter::OutputType::Jsonl}}};

// Whether the text is a JSON Pointer: "" or "/a/b~1c".
bool is_json_pointer(std::string_view text) {
    if (!text.empty() && text.front() != '/') return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')))
            return false;
    }
    return true;
}

bool is_label_char(char c) {
    constexpr std::string_view kForbidden = " ?*<>{}[]:;,\\|^~$#%&`\"/";
    const auto u = static_cast<unsigned char>(c);
    return u > 0x20 && u != 0x7f && kForbidden.find(c) == std::string_view::npos;
}

// A label made from a state's name. Characters that a label cannot have become '-'.
std::string label_of(const std::string& state) {
    std::string label;
    for (const char c : state) {
        if (label.size() == kLongestLabel) break;
        label += is_label_char(c) && static_cast<unsigned char>(c) < 0x80 ? c : '-';
    }
    return label;
}

std::string read_label(Fields& fields, const std::string& state) {
    const auto label = fields.string("Label");
    if (!label) return label_of(state);
    if (label->empty()) fields.findings().error(fields.at("Label"), "Value cannot be empty");
    if (count_characters(*label) > kLongestLabel)
        fields.findings().error(fields.at("Label"), "A Label must be at most 40 characters long");
    if (!std::all_of(label->begin(), label->end(), is_label_char))
        fields.findings().error(fields.at("Label"),
                                "A Label cannot contain spaces, wildcards, brackets or special characters");
    return std::string(*label);
}

void refuse(Fields& fields, std::initializer_list<std::string_view> names, std::string_view why) {
    for (const std::string_view name : names) {
        if (fields.any(name) != nullptr)
            fields.findings().error(fields.at(name),
                                    std::string("Field '").append(name).append("' ").append(why));
    }
}

Content read_arguments(Fields& fields) {
    Content arguments;
    if (fields.language() == QueryLanguage::Jsonata) {
        arguments.query = read_query(fields, "Arguments");
    } else {
        arguments.payload = read_template(fields, "Parameters", true);
    }
    return arguments;
}

void read_csv(Fields& fields, ReaderConfig& config) {
    config.csv_delimiter = read_choice(fields, "CSVDelimiter", kDelimiters).value_or(',');
    const json::Value* headers = fields.array("CSVHeaders");
    const bool given = read_choice(fields, "CSVHeaderLocation", kHeaderLocations).value_or(false);
    if (!fields.has("CSVHeaderLocation")) fields.require({"CSVHeaderLocation"});
    if (!given) {
        if (headers != nullptr)
            fields.findings().error(fields.at("CSVHeaders"),
                                    "Field 'CSVHeaders' needs the CSVHeaderLocation GIVEN");
        return;
    }
    config.csv_headers.emplace();
    fields.require({"CSVHeaders"});
    if (headers == nullptr) return;
    const Where where = fields.at("CSVHeaders");
    if (headers->items().empty()) fields.findings().error(where, "Value cannot be empty");
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < headers->items().size(); ++i) {
        const json::Value& header = headers->items()[i];
        if (!header.is_string()) {
            fields.findings().error(Where(where, i), "Expected value of type String");
        } else if (!seen.insert(header.as_string()).second) {
            fields.findings().error(Where(where, i), "The header appears twice");
        } else {
            config.csv_headers->emplace_back(header.as_string());
        }
    }
}

bool is_allowed(DataResource::Kind kind, InputType type, bool flattens) {
    switch (kind) {
        case DataResource::Kind::SqlQuery:
        case DataResource::Kind::SqlTable:
            return false;
        case DataResource::Kind::Http:
            return type == InputType::Csv || type == InputType::Json || type == InputType::Jsonl;
        case DataResource::Kind::S3ListObjects:
            return flattens && type != InputType::Manifest;
        default:
            return true;
    }
}

ReaderConfig read_reader_config(Fields& fields, const std::optional<DataResource>& resource) {
    ReaderConfig config;
    const auto type = read_choice(fields, "InputType", kInputTypes);
    const bool flattens = read_choice(fields, "Transformation", kReaderTransformations).value_or(false);
    config.load_and_flatten = flattens;
    if (type) config.input_type = *type;
    if (type && resource && !is_allowed(resource->kind, *type, flattens))
        fields.findings().error(fields.at("InputType"),
                                "This InputType cannot be read from the Resource " + resource->text);
    if (flattens && resource && resource->kind != DataResource::Kind::S3ListObjects)
        fields.findings().error(
            fields.at("Transformation"),
            "LOAD_AND_FLATTEN can only be used with the Resource arn:aws:states:::s3:listObjectsV2");
    const bool lists = resource && resource->kind == DataResource::Kind::S3ListObjects;
    const bool gets = resource && resource->kind == DataResource::Kind::S3GetObject;
    if (gets || (lists && flattens)) fields.require({"InputType"});
    if (!fields.has("InputType") && resource && resource->kind == DataResource::Kind::Http)
        config.input_type = InputType::Json;

    if (config.input_type == InputType::Csv) {
        read_csv(fields, config);
    } else {
        refuse(fields, {"CSVDelimiter", "CSVHeaderLocation", "CSVHeaders"}, "needs the InputType CSV");
    }
    if (config.input_type == InputType::Manifest) {
        config.manifest_type = read_choice(fields, "ManifestType", kManifestTypes).value_or("");
    } else {
        refuse(fields, {"ManifestType"}, "needs the InputType MANIFEST");
    }
    if (config.input_type == InputType::Json) {
        if (const auto pointer = fields.string("ItemsPointer")) {
            config.items_pointer = *pointer;
            if (!is_json_pointer(*pointer))
                fields.findings().error(fields.at("ItemsPointer"), "Value is not a valid JSONPointer");
        }
    } else {
        refuse(fields, {"ItemsPointer"}, "needs the InputType JSON");
    }
    config.max_items = read_count(fields, "MaxItems", "MaxItemsPath", 0, kMostItems);
    fields.refuse_others();
    return config;
}

// The resource that `parse` makes of the field's text. If it cannot, there is a finding.
template <class Parse>
std::optional<DataResource> read_resource(Fields& fields, Parse parse) {
    const auto text = fields.string("Resource");
    if (!text) return std::nullopt;
    auto resource = parse(*text);
    if (resource.ok()) return std::move(resource).value();
    fields.findings().error(fields.at("Resource"), resource.error());
    return std::nullopt;
}

std::optional<ItemReader> read_reader(Fields& map) {
    const json::Value* value = map.object("ItemReader");
    if (value == nullptr) return std::nullopt;
    const Where where = map.at("ItemReader");
    Fields fields(*value, where, map.findings());
    fields.set_language(map.language());
    fields.require({"Resource"});
    ItemReader reader;
    const auto resource = read_resource(fields, DataResource::parse_reader);
    if (resource) reader.resource = *resource;
    reader.arguments = read_arguments(fields);
    if (const json::Value* config = fields.object("ReaderConfig")) {
        const Where config_where = fields.at("ReaderConfig");
        Fields config_fields(*config, config_where, fields.findings());
        config_fields.set_language(fields.language());
        reader.config = read_reader_config(config_fields, resource);
    } else if (resource && resource->kind == DataResource::Kind::S3GetObject) {
        fields.require({"ReaderConfig"});
    } else if (resource && resource->kind == DataResource::Kind::Http) {
        reader.config.input_type = InputType::Json;
    }
    fields.refuse_others();
    return reader;
}

std::optional<ItemBatcher> read_batcher(Fields& map) {
    const json::Value* value = map.object("ItemBatcher");
    if (value == nullptr) return std::nullopt;
    const Where where = map.at("ItemBatcher");
    Fields fields(*value, where, map.findings());
    fields.set_language(map.language());
    ItemBatcher batcher;
    batcher.max_items = read_count(fields, "MaxItemsPerBatch", "MaxItemsPerBatchPath", 1, kMostItems);
    batcher.max_bytes =
        read_count(fields, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", 1, kMostBatchBytes);
    const bool given = fields.has("MaxItemsPerBatch") || fields.has("MaxItemsPerBatchPath") ||
                       fields.has("MaxInputBytesPerBatch") || fields.has("MaxInputBytesPerBatchPath");
    if (!given && fields.language() == QueryLanguage::Jsonata) {
        fields.findings().error(
            where, "There should be one of the following fields: [MaxItemsPerBatch, MaxInputBytesPerBatch]");
    } else if (!given)
        fields.findings().error(where,
                                "There should be one of the following fields: [MaxItemsPerBatch, "
                                "MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]");
    if (fields.language() == QueryLanguage::Jsonata) {
        batcher.batch_input.query = read_query(fields, "BatchInput");
    } else {
        batcher.batch_input.payload = read_template(fields, "BatchInput", false);
    }
    fields.refuse_others();
    return batcher;
}

std::optional<ResultWriter> read_writer(Fields& map) {
    const json::Value* value = map.object("ResultWriter");
    if (value == nullptr) return std::nullopt;
    const Where where = map.at("ResultWriter");
    Fields fields(*value, where, map.findings());
    fields.set_language(map.language());
    ResultWriter writer;
    writer.resource = read_resource(fields, DataResource::parse_writer);
    writer.arguments = read_arguments(fields);
    if (const json::Value* config = fields.object("WriterConfig")) {
        const Where config_where = fields.at("WriterConfig");
        Fields config_fields(*config, config_where, fields.findings());
        config_fields.set_language(fields.language());
        config_fields.require({"OutputType"});
        writer.output_type =
            read_choice(config_fields, "OutputType", kOutputTypes).value_or(ResultWriter::OutputType::Json);
        writer.transformation = read_choice(config_fields, "Transformation", kWriterTransformations)
                                    .value_or(ResultWriter::Transformation::None);
        config_fields.refuse_others();
    } else if (!fields.has("Resource")) {
        fields.findings().error(where,
                                "There should be one of the following fields: [Resource, WriterConfig]");
    }
    fields.refuse_others();
    return writer;
}

// ---------------------------------------------------------------------------------- the whole definition

bool says(const json::Value& object, std::string_view field, std::string_view text) {
    const json::Value* value = object.find(field);
    return value != nullptr && value->is_string() && value->as_string() == text;
}

class Distributions {
  public:
    explicit Distributions(Findings& findings) : findings_(findings) {}

    void check(const json::Value& block, const Where& where) {
        for_each_state(block, where, [this](const json::Member& state, const Where& here) {
            for_each_inner(state.value, here, [&](const json::Value& inner, const Where& at, Inner what) {
                check(inner, at);
                if (what == Inner::Processor && is_distributed(inner))
                    check_map(state.value, here, inner, at);
            });
        });
    }

  private:
    void check_map(const json::Value& state, const Where& where, const json::Value& processor,
                   const Where& processor_where) {
        const json::Value* label = state.find("Label");
        if (label != nullptr && label->is_string() && !labels_.insert(label->as_string()).second)
            findings_.error(Where(where, "Label"), "Another Map has the same Label");
        if (says(*processor.find("ProcessorConfig"), "ExecutionType", "EXPRESS"))
            check_express(processor, processor_where, findings_);
    }

    Findings& findings_;
    std::set<std::string_view> labels_;
};

}  // namespace

bool is_distributed(const json::Value& processor) {
    const json::Value* config = processor.find("ProcessorConfig");
    return config != nullptr && says(*config, "Mode", "DISTRIBUTED");
}

ProcessorConfig read_processor_config(Fields& processor) {
    ProcessorConfig result;
    const json::Value* value = processor.object("ProcessorConfig");
    if (value == nullptr) return result;
    const Where where = processor.at("ProcessorConfig");
    Fields fields(*value, where, processor.findings());
    constexpr std::array<Named<bool>, 2> kModes = {{{"INLINE", false}, {"DISTRIBUTED", true}}};
    constexpr std::array<Named<bool>, 2> kTypes = {{{"STANDARD", false}, {"EXPRESS", true}}};
    result.distributed = read_choice(fields, "Mode", kModes).value_or(false);
    result.express = read_choice(fields, "ExecutionType", kTypes).value_or(false);
    if (result.distributed) fields.require({"ExecutionType"});
    fields.refuse_others();
    return result;
}

Count read_count(Fields& fields, std::string_view name, std::string_view path_name, std::int64_t least,
                 std::int64_t most) {
    const bool is_jsonata = fields.language() == QueryLanguage::Jsonata;
    if (!is_jsonata) fields.at_most_one({name, path_name});
    Count count;
    count.query = read_expression(fields, name);
    if (!count.query) count.literal = fields.integer(name, least, most);
    if (!is_jsonata) count.path = read_path(fields, path_name, PathRule::Reference);
    return count;
}

Distribution read_distribution(Fields& fields, const ProcessorConfig& config, const std::string& state) {
    Distribution distribution;
    distribution.express = config.express;
    distribution.label = read_label(fields, state);
    distribution.reader = read_reader(fields);
    distribution.batcher = read_batcher(fields);
    distribution.writer = read_writer(fields);
    return distribution;
}

void refuse_distribution(Fields& fields) {
    fields.string("Label");
    refuse(fields, {"ItemReader", "ItemBatcher", "ResultWriter"},
           "needs the ProcessorConfig Mode DISTRIBUTED");
}

void collect_processors(const Block& block, Processors& processors) {
    for (const State& state : block.states) {
        if (const auto* parallel = std::get_if<ParallelFields>(&state.fields)) {
            for (const auto& branch : parallel->branches) {
                if (branch != nullptr) collect_processors(*branch, processors);
            }
        }
        const auto* map = std::get_if<MapFields>(&state.fields);
        if (map == nullptr || map->processor == nullptr) continue;
        if (map->distributed == nullptr) {
            collect_processors(*map->processor, processors);
            continue;
        }
        const Flow& flow = *map->distributed->flow;
        processors.emplace(state.name, map->distributed->flow);
        processors.insert(flow.processors.begin(), flow.processors.end());
    }
}

void check_distribution(const json::Value& definition, Findings& findings) {
    Distributions(findings).check(definition, Where());
}

}  // namespace flowctl::asl
