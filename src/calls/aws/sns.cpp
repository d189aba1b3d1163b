// Amazon SNS: arn:aws:states:::sns:publish, {TopicArn, Message, ...}. SNS speaks AWS's query protocol: the
// request is a form, and the answer is XML.
#include "base/xml.hpp"
#include "calls/aws/arns.hpp"
#include "calls/aws/service.hpp"
#include "calls/http_answer.hpp"
#include "calls/http_request.hpp"
#include "calls/protocols.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr Service kSns = {
    "SNS", "AmazonSNS", "AmazonSNSException",
    " AuthorizationError EndpointDisabled InternalError InvalidParameter InvalidParameterValue "
    "InvalidSecurity KMSAccessDenied KMSDisabled KMSInvalidState KMSNotFound KMSOptInRequired KMSThrottling "
    "NotFound PlatformApplicationDisabled Throttled ValidationException "};

void add_field(std::string& form, std::string_view name, std::string_view value) {
    if (!form.empty()) form += '&';
    form += net::percent_encode(name) + '=' + net::percent_encode(value);
}

// Adds nothing if the member is missing or null.
void add_member(std::string& form, std::string_view name, const json::Value& object,
                std::string_view member) {
    const json::Value* value = object.find(member);
    if (value != nullptr && !value->is_null()) add_field(form, name, as_text(*value));
}

RequestResult publication(const Task& task) {
    if (auto refusal = objection_to_input(task)) return *refusal;
    auto made = post(task, "");
    auto* parts = std::get_if<RequestParts>(&made);
    if (parts == nullptr) return made;
    std::string& form = parts->body;
    add_field(form, "Action", "Publish");
    add_field(form, "Version", "2010-03-31");
    for (const std::string_view name : {"TopicArn", "TargetArn", "PhoneNumber", "Message", "Subject",
                                        "MessageStructure", "MessageDeduplicationId", "MessageGroupId"})
        add_member(form, name, task.input, name);
    const json::Value* attributes = task.input.find("MessageAttributes");
    if (attributes != nullptr && !attributes->is_null()) {
        if (!attributes->is_object()) return runtime_error("MessageAttributes must be an object");
        int number = 0;
        for (const json::Member& member : attributes->members()) {
            const std::string at = "MessageAttributes.entry." + std::to_string(++number);
            add_field(form, at + ".Name", member.key);
            for (const std::string_view part : {"DataType", "StringValue", "BinaryValue"})
                add_member(form, at + ".Value." + std::string(part), member.value, part);
        }
    }
    parts->headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
    return made;
}

class Publish final : public ServiceProtocol {
  public:
    constexpr Publish() : ServiceProtocol(kSns) {}

  private:
    RequestResult request(const Task& task) const override { return publication(task); }
    TaskResult read(const net::Response& response) const override {
        const auto read = XmlText::parse(response.body);
        const auto* document = std::get_if<XmlText>(&read);
        const auto id = document != nullptr ? document->find("PublishResult/MessageId") : std::nullopt;
        if (!id) return unreadable();
        json::ObjectBuilder result;
        result.add("MessageId", storable(*id));
        if (const auto number = document->find("PublishResult/SequenceNumber"))
            result.add("SequenceNumber", storable(*number));
        add_metadata(result, response);
        return result.build();
    }
    std::vector<std::string> targets(const asl::Resource&, const json::Value& input) const override {
        std::vector<std::string> targets;
        add_arn(targets, "sns", string_member(input, "TopicArn"));
        if (targets.empty()) add_arn(targets, "sns", string_member(input, "TargetArn"));
        return targets;
    }
    Names target_members() const override {
        static constexpr std::string_view kMembers[] = {"TopicArn", "TargetArn"};
        return kMembers;
    }
};

}  // namespace

const Protocol& sns_publish() {
    static const Publish object;
    return object;
}

}  // namespace flowctl::calls::aws
