// The `Resource` of a Task, parsed: the kind of work it names, and the server, function or flow.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace flowctl::asl {

struct Resource {
    enum class Kind {
        Http,        // flowctl:http:<server>: POST the effective input
        HttpInvoke,  // flowctl:http:<server>:invoke: {Method, Path, ...} below the server's url
        AwsHttp,     // arn:aws:states:::http:invoke: AWS's HTTP Task; ConnectionArn names the server
        Lambda,      // arn:aws:lambda:...:function:<name> and arn:aws:states:::lambda:invoke
        Sql,         // flowctl:sql:<function>
        Flow,        // flowctl:flow:<name>, arn:aws:states:::states:startExecution
        Activity,    // flowctl:activity:<name>, arn:aws:states:<region>:<account>:activity:<name>
        Approval,    // flowctl:approval: people decide
        Event,       // flowctl:event: wait for an event
        OtherArn,    // any other ARN; it means the server whose option `arn` covers it
    };
    Kind kind = Kind::Http;
    std::string name;             // the server, function, flow or activity; the whole ARN for OtherArn
    std::string text;  // the Resource without its suffix; for an integration also without region and account
    bool sync = false;            // .sync or .sync:2
    bool sync_json = false;       // .sync:2: the output is JSON instead of text that holds JSON
    bool wait_for_token = false;  // .waitForTaskToken

    // The names of the service and the action in AWS's history events: resourceType and resource.
    std::string resource_type() const;
    std::string resource_action() const;
    // The name in messages: an integration of AWS is named by its service, everything else as it is written.
    std::string short_name() const;

    // The error is a message for the author.
    static Result<Resource, std::string> parse(std::string_view text);
};

}  // namespace flowctl::asl
