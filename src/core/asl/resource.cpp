// Parses the `Resource` of a Task; see resource.hpp for its forms.
//
// The integration suffix (.sync, .sync:2, .waitForTaskToken) is cut off first, but only where it has a
// meaning, because a SQL function may well be called "jobs.sync". Only the form of names is checked; whether
// the server, function or flow exists is checked by src/pg.
#include "core/asl/resource.hpp"

#include <algorithm>
#include <vector>

#include "core/asl/flow_name.hpp"
#include "core/asl/integrations.hpp"

namespace flowctl::asl {

namespace {

constexpr std::string_view kNotAnArn = "Value is not a valid resource ARN";

bool cut_suffix(std::string_view& text, std::string_view suffix) {
    if (text.size() <= suffix.size() || text.substr(text.size() - suffix.size()) != suffix) return false;
    text.remove_suffix(suffix.size());
    return true;
}

bool cut_prefix(std::string_view& text, std::string_view prefix) {
    if (text.substr(0, prefix.size()) != prefix) return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return u < 0x20 || u == 0x7f;
    });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

// function:<name>[:<version or alias>]
bool is_lambda_qualifier(std::string_view text) {
    return text == "$LATEST" || is_flow_name(text);
}

Err<std::string> refuse(std::string_view why) {
    return Err{std::string(why)};
}

Result<Resource, std::string> parse_flowctl(std::string_view rest, Resource resource) {
    using Kind = Resource::Kind;
    if (cut_prefix(rest, "http:")) {
        resource.kind = cut_suffix(rest, ":invoke") ? Kind::HttpInvoke : Kind::Http;
        if (resource.sync && resource.kind == Kind::HttpInvoke)
            return refuse("A 'flowctl:http:<server>:invoke' resource cannot be used with '.sync'");
        if (rest.find(':') != std::string_view::npos)
            return refuse(
                "A 'flowctl:http' resource is 'flowctl:http:<server>' or 'flowctl:http:<server>:invoke'");
    } else if (cut_prefix(rest, "sql:")) {
        resource.kind = Kind::Sql;
    } else if (cut_prefix(rest, "flow:")) {
        resource.kind = Kind::Flow;
        if (!parse_flow_reference(rest).is_well_formed())
            return refuse("A 'flowctl:flow' resource names a flow as 'name', 'name:version' or 'name:alias'");
    } else if (rest == "approval") {
        resource.kind = Kind::Approval;
        if (resource.sync || resource.wait_for_token)
            return refuse("A 'flowctl:approval' resource cannot be used with '.sync' or '.waitForTaskToken'");
    } else if (cut_prefix(rest, "activity:")) {
        resource.kind = Kind::Activity;
        if (resource.sync || resource.wait_for_token)
            return refuse("A 'flowctl:activity' resource cannot be used with '.sync' or '.waitForTaskToken'");
    } else if (rest == "event") {
        resource.kind = Kind::Event;
        if (resource.sync || resource.wait_for_token)
            return refuse("A 'flowctl:event' resource cannot be used with '.sync' or '.waitForTaskToken'");
    } else {
        return refuse(
            "A 'flowctl:' resource is one of flowctl:http, flowctl:sql, flowctl:flow, flowctl:activity, "
            "flowctl:approval, flowctl:event");
    }
    if (rest.empty()) return refuse("The resource names no server, function, flow or activity");
    resource.name = rest;
    return resource;
}

// AWS's sentence for an integration, or a suffix of an integration, that does not exist.
Err<std::string> not_recognized(const Resource& resource, std::string_view integration) {
    std::string arn = "arn:aws:states:::" + std::string(integration);
    if (resource.sync) arn += resource.sync_json ? ".sync:2" : ".sync";
    if (resource.wait_for_token) arn += ".waitForTaskToken";
    return Err{
        "The resource provided " + arn +
        " is not recognized. The value is not a valid resource ARN, or the resource is not available in "
        "this region."};
}

// Parses the part behind "arn:<partition>:states:<region>:<account>:".
Result<Resource, std::string> parse_integration(const std::string& integration, Resource resource) {
    using Kind = Resource::Kind;
    const std::vector<std::string_view> parts = split(integration, ':');
    if (parts.size() < 2 || parts[0].empty() || parts.back().empty()) return refuse(kNotAnArn);
    if (parts[0] == "activity") {
        if (parts.size() != 2 || resource.sync || resource.wait_for_token) return refuse(kNotAnArn);
        resource.kind = Kind::Activity;
        resource.name = parts[1];
        return resource;
    }
    // An integration is the same one in every partition, region and account.
    resource.text = "arn:aws:states:::" + integration;
    resource.kind = Kind::OtherArn;
    resource.name = resource.text;
    if (parts[0] == "aws-sdk") {
        if (parts.size() != 3 || parts[1].empty() || resource.sync)
            return not_recognized(resource, integration);
        return resource;
    }
    const Integration* known = parts.size() == 2 ? find_integration(parts[0], parts[1]) : nullptr;
    if (known == nullptr || (resource.wait_for_token && !known->wait_for_token) ||
        (resource.sync && !(resource.sync_json ? known->sync_json : known->sync))) {
        return not_recognized(resource, integration);
    }
    if (known->service == "lambda") {
        resource.kind = Kind::Lambda;
        resource.name.clear();
    } else if (known->service == "http") {
        resource.kind = Kind::AwsHttp;
        resource.name.clear();
    } else if (known->service == "states") {
        resource.kind = Kind::Flow;
        resource.name.clear();
    }
    return resource;
}

Result<Resource, std::string> parse_arn(Resource resource) {
    using Kind = Resource::Kind;
    const std::vector<std::string_view> parts = split(resource.text, ':');
    if (parts.size() < 6 || parts[1].empty() || parts[2].empty() || parts[5].empty())
        return refuse(kNotAnArn);
    const std::string_view service = parts[2];
    if (service == "lambda") {
        if (parts.size() < 7 || parts.size() > 8 || parts[5] != "function" || parts[6].empty())
            return refuse(kNotAnArn);
        if (parts.size() == 8 && !is_lambda_qualifier(parts[7])) return refuse(kNotAnArn);
        if (resource.sync || resource.wait_for_token) return refuse(kNotAnArn);
        resource.kind = Kind::Lambda;
        resource.name = parts[6];
        return resource;
    }
    if (const auto integration = integration_of_arn(resource.text))
        return parse_integration(std::string(*integration), std::move(resource));
    resource.kind = Kind::OtherArn;
    resource.name = resource.text;
    return resource;
}

}  // namespace

Result<Resource, std::string> Resource::parse(std::string_view text) {
    if (text.size() > 2'048) return refuse("The resource is longer than 2,048 bytes");
    if (has_control(text)) return refuse("The resource contains a control character");
    Resource resource;
    const bool is_sql = text.substr(0, 12) == "flowctl:sql:";
    if (!is_sql) {
        resource.sync_json = cut_suffix(text, ".sync:2");
        resource.sync = resource.sync_json || cut_suffix(text, ".sync");
        resource.wait_for_token = !resource.sync && cut_suffix(text, ".waitForTaskToken");
    }
    resource.text = text;
    if (cut_prefix(text, "flowctl:")) return parse_flowctl(text, std::move(resource));
    if (cut_prefix(text, "arn:")) return parse_arn(std::move(resource));
    return refuse(kNotAnArn);
}

std::string Resource::resource_type() const {
    switch (kind) {
        case Kind::Http:
        case Kind::HttpInvoke:
            return "flowctl:http";
        case Kind::Sql:
            return "flowctl:sql";
        case Kind::Activity:
            return "flowctl:activity";
        case Kind::Approval:
            return "flowctl:approval";
        case Kind::Event:
            return "flowctl:event";
        case Kind::Flow:
            return name.empty() ? "states" : "flowctl:flow";
        case Kind::AwsHttp:
            return "http";
        case Kind::Lambda:
            return "lambda";
        case Kind::OtherArn:
            break;
    }
    // arn:aws:states:::<service>:<action>, where the service may be "aws-sdk:<service>".
    const std::vector<std::string_view> parts = split(text, ':');
    if (parts[2] != "states" || !parts[3].empty()) return std::string(parts[2]);
    std::string type(parts[5]);
    for (std::size_t i = 6; i + 1 < parts.size(); ++i)
        type.append(":").append(parts[i]);
    return type;
}

std::string Resource::short_name() const {
    return integration_of_arn(text) && kind != Kind::Activity ? resource_type() : text;
}

std::string Resource::resource_action() const {
    std::string action;
    switch (kind) {
        case Kind::HttpInvoke:
            action = name + ":invoke";
            break;
        case Kind::AwsHttp:
            action = "invoke";
            break;
        case Kind::Event:
            action = "wait";
            break;
        case Kind::Http:
        case Kind::Sql:
        case Kind::Activity:
        case Kind::Approval:
            action = name;
            break;
        case Kind::Lambda:
            action = name.empty() ? "invoke" : name;
            break;
        case Kind::Flow:
            action = name.empty() ? "startExecution" : name;
            break;
        case Kind::OtherArn:
            action = text.substr(text.rfind(':') + 1);
            break;
    }
    if (sync) action += sync_json ? ".sync:2" : ".sync";
    if (wait_for_token) action += ".waitForTaskToken";
    return action;
}

}  // namespace flowctl::asl
