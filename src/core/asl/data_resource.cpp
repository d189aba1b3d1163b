// Parsing the Resource of an ItemReader or ResultWriter; see data_resource.hpp.
#include "core/asl/data_resource.hpp"

#include "core/asl/integrations.hpp"

namespace flowctl::asl {

namespace {

constexpr std::string_view kHttp = "flowctl:http:";

// The action of an integration with S3, or nothing.
std::string_view s3_action(std::string_view text) {
    constexpr std::string_view kService = "s3:";
    const auto integration = integration_of_arn(text);
    return integration && integration->starts_with(kService) ? integration->substr(kService.size())
                                                             : std::string_view();
}

// The ARN is the same in every partition, region and account.
std::string s3_arn(std::string_view action) {
    return "arn:aws:states:::s3:" + std::string(action);
}

bool parse_http(std::string_view text, DataResource& resource) {
    if (!text.starts_with(kHttp)) return false;
    const std::string_view server = text.substr(kHttp.size());
    if (server.empty() || server.find(':') != std::string_view::npos) return false;
    resource.kind = DataResource::Kind::Http;
    resource.name = server;
    return true;
}

}  // namespace

Result<DataResource, std::string> DataResource::parse_reader(std::string_view text) {
    DataResource resource;
    resource.text = text;
    if (text == "flowctl:sql:query") {
        resource.kind = Kind::SqlQuery;
    } else if (text == "flowctl:sql:table") {
        resource.kind = Kind::SqlTable;
    } else if (s3_action(text) == "getObject" || s3_action(text) == "listObjectsV2") {
        resource.kind = s3_action(text) == "getObject" ? Kind::S3GetObject : Kind::S3ListObjects;
        resource.name = s3_arn(s3_action(text));
    } else if (!parse_http(text, resource)) {
        return Err{
            std::string("The Resource of an ItemReader is one of flowctl:sql:query, flowctl:sql:table, "
                        "flowctl:http:<server>, arn:aws:states:::s3:getObject, "
                        "arn:aws:states:::s3:listObjectsV2")};
    }
    return resource;
}

Result<DataResource, std::string> DataResource::parse_writer(std::string_view text) {
    DataResource resource;
    resource.text = text;
    if (text == "flowctl:sql:table") {
        resource.kind = Kind::SqlTable;
    } else if (s3_action(text) == "putObject") {
        resource.kind = Kind::S3PutObject;
        resource.name = s3_arn("putObject");
    } else if (!parse_http(text, resource)) {
        return Err{
            std::string("The Resource of a ResultWriter is one of flowctl:sql:table, "
                        "flowctl:http:<server>, arn:aws:states:::s3:putObject")};
    }
    return resource;
}

}  // namespace flowctl::asl
