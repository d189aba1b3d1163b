// The table of AWS's optimized integrations, as its developer guide lists them. See integrations.hpp.
#include "core/asl/integrations.hpp"

#include <array>

namespace flowctl::asl {
namespace {

using Names = std::string_view;

constexpr std::array<Names, 1> kFunctionName = {"FunctionName"};
constexpr std::array<Names, 3> kHttp = {"ApiEndpoint", "Method", "Authentication|InvocationConfig"};
constexpr std::array<Names, 2> kGateway = {"ApiEndpoint", "Method"};
constexpr std::array<Names, 2> kItem = {"TableName", "Item"};
constexpr std::array<Names, 2> kKey = {"TableName", "Key"};
constexpr std::array<Names, 2> kQueueMessage = {"QueueUrl", "MessageBody"};
constexpr std::array<Names, 2> kTopicMessage = {"Message", "TopicArn|TargetArn|PhoneNumber"};
constexpr std::array<Names, 1> kStateMachine = {"StateMachineArn"};
constexpr std::array<Names, 1> kEntries = {"Entries"};
constexpr std::array<Names, 3> kBatchJob = {"JobDefinition", "JobName", "JobQueue"};
constexpr std::array<Names, 1> kTaskDefinition = {"TaskDefinition"};
constexpr std::array<Names, 1> kJobName = {"JobName"};
constexpr std::array<Names, 1> kName = {"Name"};
constexpr std::array<Names, 1> kProjectName = {"ProjectName"};

constexpr Integration kIntegrations[] = {
    {"apigateway", "invoke", false, false, true, kGateway},
    {"athena", "getQueryExecution"},
    {"athena", "getQueryResults"},
    {"athena", "startQueryExecution", true},
    {"athena", "stopQueryExecution"},
    {"batch", "submitJob", true, false, false, kBatchJob},
    {"bedrock", "createModelCustomizationJob", true},
    {"bedrock", "invokeModel", false, false, true},
    {"codebuild", "batchDeleteBuilds"},
    {"codebuild", "batchGetReports"},
    {"codebuild", "deleteBuildBatch"},
    {"codebuild", "retryBuildBatch", true},
    {"codebuild", "startBuild", true, false, false, kProjectName},
    {"codebuild", "startBuildBatch", true, false, false, kProjectName},
    {"codebuild", "stopBuild"},
    {"codebuild", "stopBuildBatch"},
    {"databrew", "startJobRun", true, false, false, kName},
    {"dynamodb", "deleteItem", false, false, false, kKey},
    {"dynamodb", "getItem", false, false, false, kKey},
    {"dynamodb", "putItem", false, false, false, kItem},
    {"dynamodb", "updateItem", false, false, false, kKey},
    {"ecs", "runTask", true, false, true, kTaskDefinition},
    {"eks", "call", false, false, true},
    {"eks", "createCluster", true},
    {"eks", "createFargateProfile", true},
    {"eks", "createNodegroup", true},
    {"eks", "deleteCluster", true},
    {"eks", "deleteFargateProfile", true},
    {"eks", "deleteNodegroup", true},
    {"eks", "runJob", true, false, true},
    {"elasticmapreduce", "addStep", true},
    {"elasticmapreduce", "cancelStep"},
    {"elasticmapreduce", "createCluster", true},
    {"elasticmapreduce", "modifyInstanceFleetByName"},
    {"elasticmapreduce", "modifyInstanceGroupByName"},
    {"elasticmapreduce", "setClusterTerminationProtection"},
    {"elasticmapreduce", "terminateCluster", true},
    {"emr-containers", "createVirtualCluster"},
    {"emr-containers", "deleteVirtualCluster", true},
    {"emr-containers", "startJobRun", true},
    {"emr-serverless", "cancelJobRun", true},
    {"emr-serverless", "createApplication", true},
    {"emr-serverless", "deleteApplication", true},
    {"emr-serverless", "startApplication", true},
    {"emr-serverless", "startJobRun", true},
    {"emr-serverless", "stopApplication", true},
    {"events", "putEvents", false, false, true, kEntries},
    {"glue", "startJobRun", true, false, false, kJobName},
    {"http", "invoke", false, false, false, kHttp},
    {"lambda", "invoke", false, false, true, kFunctionName},
    {"mediaconvert", "createJob", true},
    {"sagemaker", "createEndpoint"},
    {"sagemaker", "createEndpointConfig"},
    {"sagemaker", "createHyperParameterTuningJob", true},
    {"sagemaker", "createLabelingJob", true},
    {"sagemaker", "createModel"},
    {"sagemaker", "createProcessingJob", true},
    {"sagemaker", "createTrainingJob", true},
    {"sagemaker", "createTransformJob", true},
    {"sagemaker", "updateEndpoint"},
    {"sns", "publish", false, false, true, kTopicMessage},
    {"sqs", "sendMessage", false, false, true, kQueueMessage},
    {"states", "startExecution", true, true, true, kStateMachine},
};

}  // namespace

const Integration* find_integration(std::string_view service, std::string_view action) noexcept {
    for (const Integration& known : kIntegrations) {
        if (known.service == service && known.action == action) return &known;
    }
    return nullptr;
}

std::optional<std::string_view> integration_of_arn(std::string_view arn) noexcept {
    const auto take = [&arn]() -> std::optional<std::string_view> {
        const std::size_t colon = arn.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        const std::string_view part = arn.substr(0, colon);
        arn.remove_prefix(colon + 1);
        return part;
    };
    if (take() != "arn") return std::nullopt;
    const auto partition = take();
    if (!partition || !partition->starts_with("aws")) return std::nullopt;
    if (take() != "states" || !take() || !take()) return std::nullopt;
    return arn;
}

}  // namespace flowctl::asl
