// The list of protocols. See protocols.hpp.
#include "calls/protocols.hpp"

namespace flowctl::calls {

namespace {

using Kind = asl::Resource::Kind;

enum class Sync { No, Text, Json };  // no suffix, .sync, .sync:2

struct Row {
    Speech speech;
    Kind kind;
    // The part behind ":states:::" in the Resource; empty if the Resource has no such part.
    std::string_view action;
    Sync sync;
    const Protocol& (*protocol)();
};
constexpr std::string_view kAnyAction = "*";

// The first row that fits counts. A service that speaks a protocol of its own has its row before plain HTTP,
// which an endpoint of every kind can be asked for by name.
constexpr Row kRows[] = {
    {Speech::Aws, Kind::Lambda, "", Sync::No, aws::lambda_function},
    {Speech::Aws, Kind::Lambda, "lambda:invoke", Sync::No, aws::lambda_invoke},
    {Speech::Aws, Kind::OtherArn, "sqs:sendMessage", Sync::No, aws::sqs_send_message},
    {Speech::Aws, Kind::OtherArn, "sns:publish", Sync::No, aws::sns_publish},
    {Speech::Aws, Kind::OtherArn, "events:putEvents", Sync::No, aws::events_put_events},
    {Speech::Aws, Kind::OtherArn, "dynamodb:getItem", Sync::No, aws::dynamodb_get_item},
    {Speech::Aws, Kind::OtherArn, "dynamodb:putItem", Sync::No, aws::dynamodb_put_item},
    {Speech::Aws, Kind::OtherArn, "dynamodb:updateItem", Sync::No, aws::dynamodb_update_item},
    {Speech::Aws, Kind::OtherArn, "dynamodb:deleteItem", Sync::No, aws::dynamodb_delete_item},
    {Speech::Aws, Kind::Flow, "states:startExecution", Sync::No, aws::start_execution},
    {Speech::Aws, Kind::Flow, "states:startExecution", Sync::Text, aws::start_execution_sync},
    {Speech::Aws, Kind::Flow, "states:startExecution", Sync::Json, aws::start_execution_sync_json},

    {Speech::Prefect, Kind::Http, kAnyAction, Sync::No, prefect},
    {Speech::Prefect, Kind::Http, kAnyAction, Sync::Text, prefect_sync},
    {Speech::Prefect, Kind::Http, kAnyAction, Sync::Json, prefect_sync},

    {Speech::Http, Kind::Http, kAnyAction, Sync::No, plain},
    {Speech::Http, Kind::HttpInvoke, kAnyAction, Sync::No, invoke},
    {Speech::Http, Kind::AwsHttp, kAnyAction, Sync::No, aws_http_task},
    {Speech::Http, Kind::Lambda, kAnyAction, Sync::No, lambda_convention},
    {Speech::Http, Kind::Flow, kAnyAction, Sync::No, plain},
    {Speech::Http, Kind::OtherArn, kAnyAction, Sync::No, plain},
};

// "sqs:sendMessage" of arn:aws:states:::sqs:sendMessage, whatever the partition is.
std::string_view action_of(const asl::Resource& resource) {
    constexpr std::string_view kBefore = ":states:::";
    const std::string_view text = resource.text;
    const std::size_t at = text.find(kBefore);
    return at == text.npos ? std::string_view{} : text.substr(at + kBefore.size());
}

const Protocol* find(const asl::Resource& resource, Speech speech) {
    const std::string_view action = action_of(resource);
    const Sync sync = resource.sync_json ? Sync::Json : resource.sync ? Sync::Text : Sync::No;
    for (const Row& row : kRows)
        if (row.speech == speech && row.kind == resource.kind && row.sync == sync &&
            (row.action == kAnyAction || row.action == action))
            return &row.protocol();
    return nullptr;
}

}  // namespace

const Protocol* protocol_for(const asl::Resource& resource, Speech speech) {
    if (const Protocol* own = find(resource, speech)) return own;
    // AWS has no integration that is plain HTTP, because each of its services has a protocol of its own.
    if (speech == Speech::Aws && resource.kind == Kind::OtherArn && !action_of(resource).empty())
        return nullptr;
    return find(resource, Speech::Http);
}

std::vector<std::string> targets_of(const asl::Resource& resource, const json::Value& input) {
    std::vector<std::string> targets;
    if (const Protocol* protocol = find(resource, Speech::Aws)) targets = protocol->targets(resource, input);
    targets.push_back(resource.text);
    return targets;
}

Protocol::Names target_members_of(const asl::Resource& resource) {
    const Protocol* protocol = find(resource, Speech::Aws);
    return protocol != nullptr ? protocol->target_members() : Protocol::Names();
}

bool is_spoken_with_aws(const asl::Resource& resource) {
    return protocol_for(resource, Speech::Aws) != nullptr;
}

}  // namespace flowctl::calls
