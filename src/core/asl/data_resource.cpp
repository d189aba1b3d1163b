// Taking the Resource of an ItemReader or ResultWriter apart; see data_resource.hpp.
#include "core/asl/data_resource.hpp"

namespace flowctl::asl {

namespace {

constexpr std::string_view kHttp = "flowctl:http:";

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

// "arn:<partition>:states:::s3:<action>": the action, or nothing.
std::string_view s3_action(std::string_view text) {
    constexpr std::string_view kArn = "arn:";
    constexpr std::string_view kService = ":states:::s3:";
    if (!starts_with(text, kArn)) return {};
    const std::size_t end = text.find(':', kArn.size());
    if (end == std::string_view::npos || end == kArn.size()) return {};
    const std::string_view rest = text.substr(end);
    return starts_with(rest, kService) ? rest.substr(kService.size()) : std::string_view();
}

bool parse_http(std::string_view text, DataResource& resource) {
    if (!starts_with(text, kHttp)) return false;
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
        resource.name = text;
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
        resource.name = text;
    } else if (!parse_http(text, resource)) {
        return Err{
            std::string("The Resource of a ResultWriter is one of flowctl:sql:table, "
                        "flowctl:http:<server>, arn:aws:states:::s3:putObject")};
    }
    return resource;
}

}  // namespace flowctl::asl
