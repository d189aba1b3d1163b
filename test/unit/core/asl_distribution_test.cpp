// Distributed Maps of definitions: what becomes of them in the model, and what is refused.
#include "core/asl/asl.hpp"
#include "machine_support.hpp"

using namespace flowctl;
using namespace flowctl::test;
using asl::DataResource;
using asl::InputType;
using asl::ResultWriter;

namespace {

using Strings = std::vector<std::string>;

std::string processor(const std::string& type = "STANDARD",
                      const std::string& body = R"("P": {"Type": "Pass", "End": true})") {
    return R"({"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": ")" + type +
           R"("}, "StartAt": "P", "States": {)" + body + "}}";
}

std::string definition(const std::string& fields, const std::string& inner = processor(),
                       const std::string& name = "M") {
    return states(name, "\"" + name + R"(": {"Type": "Map", "End": true, "ItemProcessor": )" + inner +
                            (fields.empty() ? "" : ", ") + fields + "}");
}

Strings findings(const std::string& text, asl::FlowType type = asl::FlowType::Standard) {
    Strings out;
    for (const asl::Finding& finding : asl::compile(text, type).findings)
        out.push_back(finding.location + ": " + finding.message);
    return out;
}

// The findings of a Map with these fields, located from the Map on.
Strings of(const std::string& fields, const std::string& inner = processor()) {
    Strings out = findings(definition(fields, inner));
    for (std::string& finding : out)
        finding.erase(0, std::string("/States/M").size());
    return out;
}

std::string reader(const std::string& resource, const std::string& config = "") {
    return R"("ItemReader": {"Resource": ")" + resource + R"(", "Parameters": {})" +
           (config.empty() ? "" : R"(, "ReaderConfig": {)" + config + "}") + "}";
}

const asl::Distribution& distribution_of(const asl::Flow& flow) {
    return *std::get<asl::MapFields>(flow.top.states[0].fields).distributed;
}

const std::string kGet = "arn:aws:states:::s3:getObject";
const std::string kList = "arn:aws:states:::s3:listObjectsV2";

}  // namespace

TEST(Distribution, IsReadIntoTheModel) {
    const auto flow = flow_of(definition(
        reader(kGet, R"("InputType": "CSV", "CSVDelimiter": "PIPE", "CSVHeaderLocation": "GIVEN",
                        "CSVHeaders": ["a", "b"], "MaxItems": 10)") +
            R"(, "Label": "my-label", "ItemBatcher": {"MaxItemsPerBatch": 5, "BatchInput": {"x.$": "$.y"}},
               "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}})",
        processor("EXPRESS")));
    ASSERT_NE(flow, nullptr);
    const asl::Distribution& map = distribution_of(*flow);
    EXPECT_TRUE(map.express);
    EXPECT_EQ(map.label, "my-label");
    ASSERT_TRUE(map.reader && map.batcher && map.writer);
    EXPECT_EQ(map.reader->resource.kind, DataResource::Kind::S3GetObject);
    EXPECT_EQ(map.reader->config.input_type, InputType::Csv);
    EXPECT_EQ(map.reader->config.csv_delimiter, '|');
    EXPECT_EQ(map.reader->config.csv_headers, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(map.reader->config.max_items.literal, 10);
    EXPECT_EQ(map.batcher->max_items.literal, 5);
    EXPECT_TRUE(map.batcher->batch_input.given());
    EXPECT_EQ(map.writer->resource->kind, DataResource::Kind::S3PutObject);
    EXPECT_EQ(map.writer->transformation, ResultWriter::Transformation::None);
    EXPECT_EQ(flow->processors.at("M"), map.flow);
    EXPECT_EQ(map.flow->top.states[0].name, "P");
}

TEST(Distribution, OurOwnReadersAndWriters) {
    EXPECT_EQ(of(reader("flowctl:sql:query")), Strings{});
    EXPECT_EQ(of(reader("flowctl:sql:table", R"("MaxItems": 5)")), Strings{});
    EXPECT_EQ(of(reader("flowctl:http:files", R"("InputType": "JSONL")")), Strings{});
    const auto flow = flow_of(definition(reader("flowctl:http:files")));
    EXPECT_EQ(distribution_of(*flow).reader->resource.name, "files");
    EXPECT_EQ(distribution_of(*flow).reader->config.input_type, InputType::Json);
    EXPECT_EQ(of(R"("ResultWriter": {"Resource": "flowctl:http:files"})"), Strings{});
    EXPECT_EQ(of(R"("ResultWriter": {"Resource": "flowctl:sql:table", "Parameters": {"Table": "t"},
                     "WriterConfig": {"OutputType": "JSON", "Transformation": "COMPACT"}})"),
              Strings{});
    EXPECT_EQ(of(reader("flowctl:sql:query", R"("InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW")")),
              Strings{"/ItemReader/ReaderConfig/InputType: This InputType cannot be read from the Resource "
                      "flowctl:sql:query"});
    EXPECT_EQ(of(reader("flowctl:http:files", R"("InputType": "PARQUET")")).size(), 1u);
    for (const char* wrong :
         {"flowctl:sql:function", "flowctl:http:", "flowctl:http:a:b", "arn:aws:states:::s3:putObject",
          "arn:aws:lambda:r:1:function:f", "", "arn::states:::s3:getObject"}) {
        EXPECT_EQ(of(reader(wrong)).size(), 1u) << wrong;
    }
    EXPECT_EQ(of(R"("ResultWriter": {"Resource": "flowctl:sql:query"})"),
              Strings{"/ResultWriter/Resource: The Resource of a ResultWriter is one of flowctl:sql:table, "
                      "flowctl:http:<server>, arn:aws:states:::s3:putObject"});
}

TEST(Distribution, WhatReaderConfigMaySay) {
    EXPECT_EQ(of(reader(kGet)), Strings{"/ItemReader: These fields are required: [ReaderConfig]"});
    EXPECT_EQ(of(reader(kGet, R"("MaxItems": 1)")),
              Strings{"/ItemReader/ReaderConfig: These fields are required: [InputType]"});
    EXPECT_EQ(of(reader(kList)), Strings{});
    EXPECT_EQ(of(reader(kList, R"("Transformation": "LOAD_AND_FLATTEN")")),
              Strings{"/ItemReader/ReaderConfig: These fields are required: [InputType]"});
    EXPECT_EQ(of(reader(kList, R"("Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL")")), Strings{});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "MANIFEST", "ManifestType": "ATHENA_DATA")")), Strings{});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "PARQUET")")), Strings{});
    EXPECT_EQ(
        of(reader(kGet, R"("InputType": "XML")")),
        Strings{
            "/ItemReader/ReaderConfig/InputType: Value should be one of the following: [CSV, JSON, JSONL, "
            "PARQUET, MANIFEST]"});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "CSV")")),
              Strings{"/ItemReader/ReaderConfig: These fields are required: [CSVHeaderLocation]"});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "CSV", "CSVHeaderLocation": "GIVEN")")),
              Strings{"/ItemReader/ReaderConfig: These fields are required: [CSVHeaders]"});
    EXPECT_EQ(
        of(reader(kGet, R"("InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", 1, "a"])")),
        (Strings{"/ItemReader/ReaderConfig/CSVHeaders/1: Expected value of type String",
                 "/ItemReader/ReaderConfig/CSVHeaders/2: The header appears twice"}));
    EXPECT_EQ(
        of(reader(kGet, R"("InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVHeaders": ["a"])")),
        Strings{"/ItemReader/ReaderConfig/CSVHeaders: Field 'CSVHeaders' needs the CSVHeaderLocation GIVEN"});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "JSON", "CSVDelimiter": "TAB")")),
              Strings{"/ItemReader/ReaderConfig/CSVDelimiter: Field 'CSVDelimiter' needs the InputType CSV"});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "JSON", "ItemsPointer": "/a/~0~1")")), Strings{});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "JSON", "ItemsPointer": "a")")),
              Strings{"/ItemReader/ReaderConfig/ItemsPointer: Value is not a valid JSONPointer"});
    EXPECT_EQ(
        of(reader(kGet, R"("InputType": "JSON", "MaxItems": 1, "MaxItemsPath": "$.n")")),
        Strings{"/ItemReader/ReaderConfig: There should only be one of the following fields: [MaxItems, "
                "MaxItemsPath]"});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "JSON", "MaxItems": 100000001)")),
              Strings{"/ItemReader/ReaderConfig/MaxItems: Maximum value is 100000000"});
    EXPECT_EQ(of(reader(kGet, R"("InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN")")).size(), 1u);
    EXPECT_EQ(of(R"("ItemReader": {"Parameters": {}, "More": 1})"),
              (Strings{"/ItemReader: These fields are required: [Resource]",
                       "/ItemReader: Field 'More' is not supported"}));
}

TEST(Distribution, BatchersAndWriters) {
    EXPECT_EQ(of(R"("ItemBatcher": {})"),
              Strings{"/ItemBatcher: There should be one of the following fields: [MaxItemsPerBatch, "
                      "MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]"});
    EXPECT_EQ(of(R"("ItemBatcher": {"MaxItemsPerBatch": 0, "MaxInputBytesPerBatch": 262145})"),
              (Strings{"/ItemBatcher/MaxItemsPerBatch: Minimum value is 1",
                       "/ItemBatcher/MaxInputBytesPerBatch: Maximum value is 262144"}));
    EXPECT_EQ(
        of(R"("ResultWriter": {})"),
        Strings{"/ResultWriter: There should be one of the following fields: [Resource, WriterConfig]"});
    EXPECT_EQ(of(R"("ResultWriter": {"WriterConfig": {"Transformation": "NONE"}})"),
              Strings{"/ResultWriter/WriterConfig: These fields are required: [OutputType]"});
    EXPECT_EQ(
        of(R"("ResultWriter": {"WriterConfig": {"OutputType": "CSV"}})"),
        Strings{
            "/ResultWriter/WriterConfig/OutputType: Value should be one of the following: [JSON, JSONL]"});
}

TEST(Distribution, LabelsNameMapRuns) {
    EXPECT_EQ(of(R"("Label": "rows.of-2024_x")"), Strings{});
    EXPECT_EQ(of(R"("Label": "")"), Strings{"/Label: Value cannot be empty"});
    EXPECT_EQ(of("\"Label\": \"" + std::string(41, 'a') + "\""),
              Strings{"/Label: A Label must be at most 40 characters long"});
    for (const char* wrong : {"a b", "a*", "a:b", "a/b", "<a>", "a\\\\b", "a\\n"})
        EXPECT_EQ(of("\"Label\": \"" + std::string(wrong) + "\"").size(), 1u) << wrong;
    const auto flow = flow_of(definition("", processor(), "All of the rows: step 1 (and some more of them)"));
    EXPECT_EQ(distribution_of(*flow).label, "All-of-the-rows--step-1-(and-some-more-o");
    const std::string other = R"({"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Q", "States": {"Q": {"Type": "Succeed"}}})";
    EXPECT_EQ(findings(states(
                  "A", R"("A": {"Type": "Map", "Label": "x", "Next": "B", "ItemProcessor": )" + processor() +
                           R"(}, "B": {"Type": "Map", "Label": "x", "End": true, "ItemProcessor": )" + other +
                           "}")),
              Strings{"/States/B/Label: Another Map has the same Label"});
}

TEST(Distribution, AnInlineMapHasNone) {
    const std::string inner = R"({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})";
    EXPECT_EQ(of(R"("ItemReader": {}, "ItemBatcher": {}, "ResultWriter": {}, "Label": "fine")", inner),
              (Strings{"/ItemReader: Field 'ItemReader' needs the ProcessorConfig Mode DISTRIBUTED",
                       "/ItemBatcher: Field 'ItemBatcher' needs the ProcessorConfig Mode DISTRIBUTED",
                       "/ResultWriter: Field 'ResultWriter' needs the ProcessorConfig Mode DISTRIBUTED"}));
    EXPECT_EQ(of("", R"({"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "P",
                         "States": {"P": {"Type": "Pass", "End": true}}})"),
              Strings{"/ItemProcessor/ProcessorConfig: These fields are required: [ExecutionType]"});
}

TEST(Distribution, TheOldIteratorCanBeDistributed) {
    const auto flow =
        flow_of(states("M", R"("M": {"Type": "Map", "End": true, "Iterator": )" + processor() + "}"));
    EXPECT_EQ(flow->processors.count("M"), 1u);
}

TEST(Distribution, ExpressChildrenCannotWait) {
    const std::string task =
        R"("P": {"Type": "Task", "Resource": "flowctl:http:s.waitForTaskToken", "End": true,
        "Parameters": {"token.$": "$$.Task.Token"}})";
    EXPECT_EQ(of("", processor("STANDARD", task)), Strings{});
    EXPECT_EQ(of("", processor("EXPRESS", task)),
              Strings{"/ItemProcessor/States/P/Resource: Express state machine does not support "
                      "'.waitForTaskToken' service integration"});
    const std::string nested =
        R"("P": {"Type": "Map", "End": true, "ItemProcessor": {"ProcessorConfig": {"Mode":
        "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Q", "States": {"Q": {"Type": "Succeed"}}}})";
    EXPECT_EQ(of("", processor("STANDARD", nested)), Strings{});
    EXPECT_EQ(of("", processor("EXPRESS", nested)),
              Strings{"/ItemProcessor/States/P/ItemProcessor/ProcessorConfig: Express state machine does not "
                      "support distributed Map states"});
    EXPECT_EQ(
        findings(definition(""), asl::FlowType::Express),
        Strings{"/States/M/ItemProcessor/ProcessorConfig: Express state machine does not support distributed "
                "Map states"});
}

TEST(Distribution, InJsonata) {
    const auto jsonata = [](const std::string& fields) {
        return of(R"("QueryLanguage": "JSONata", )" + fields);
    };
    EXPECT_EQ(
        jsonata(R"("ItemReader": {"Resource": "flowctl:sql:query", "Arguments": {"Query": "{% 'SELECT' %}"},
                          "ReaderConfig": {"MaxItems": "{% 1 + 1 %}"}},
                         "ItemBatcher": {"MaxItemsPerBatch": "{% 2 %}", "BatchInput": "{% $states.input %}"},
                         "ResultWriter": {"Resource": "flowctl:sql:table", "Arguments": {"Table": "t"}})"),
        Strings{});
    EXPECT_EQ(
        jsonata(R"("ItemReader": {"Resource": "flowctl:sql:query", "Parameters": {}})"),
        Strings{
            "/ItemReader: The QueryLanguage is set to 'JSONata', but field 'Parameters' is only supported "
            "for the 'JSONPath' QueryLanguage"});
    EXPECT_EQ(
        of(R"("ItemReader": {"Resource": "flowctl:sql:query", "Arguments": {}})"),
        Strings{
            "/ItemReader: The QueryLanguage is set to 'JSONPath', but field 'Arguments' is only supported "
            "for the 'JSONata' QueryLanguage"});
    EXPECT_EQ(jsonata(R"("ItemBatcher": {"MaxItemsPerBatchPath": "$.n"})").size(), 1u);
    EXPECT_EQ(jsonata(R"("ItemBatcher": {"MaxItemsPerBatch": "{% ( %}"})").size(), 1u);
}
