// Amazon DynamoDB: arn:aws:states:::dynamodb:getItem, putItem, updateItem and deleteItem.
//
// The input has the form of the action's own request, so it is sent unchanged.
#include "calls/aws/arns.hpp"
#include "calls/aws/service.hpp"
#include "calls/http_answer.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr Service kDynamoDb = {
    "DynamoDB", "AmazonDynamoDBv2", "AmazonDynamoDBException",
    " ConditionalCheckFailedException InternalServerError ItemCollectionSizeLimitExceededException "
    "ProvisionedThroughputExceededException ReplicatedWriteConflictException RequestLimitExceeded "
    "ResourceNotFoundException ThrottlingException TransactionConflictException "};

class ItemAction final : public ServiceProtocol {
  public:
    explicit constexpr ItemAction(std::string_view target) : ServiceProtocol(kDynamoDb), target_(target) {}

  private:
    RequestResult request(const Task& task) const override {
        if (auto refusal = objection_to_input(task)) return *refusal;
        return post_json(task, "1.0", target_, task.input);
    }
    // A table may be given by its ARN.
    std::vector<std::string> targets(const asl::Resource&, const json::Value& input) const override {
        std::vector<std::string> targets;
        add_arn(targets, "dynamodb", string_member(input, "TableName"));
        return targets;
    }
    Names target_members() const override {
        static constexpr std::string_view kMembers[] = {"TableName"};
        return kMembers;
    }

    std::string_view target_;
};

}  // namespace

const Protocol& dynamodb_get_item() {
    static const ItemAction object("DynamoDB_20120810.GetItem");
    return object;
}

const Protocol& dynamodb_put_item() {
    static const ItemAction object("DynamoDB_20120810.PutItem");
    return object;
}

const Protocol& dynamodb_update_item() {
    static const ItemAction object("DynamoDB_20120810.UpdateItem");
    return object;
}

const Protocol& dynamodb_delete_item() {
    static const ItemAction object("DynamoDB_20120810.DeleteItem");
    return object;
}

}  // namespace flowctl::calls::aws
