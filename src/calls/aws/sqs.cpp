// Amazon SQS: arn:aws:states:::sqs:sendMessage, {QueueUrl, MessageBody, ...}.
#include <algorithm>

#include "base/ascii.hpp"
#include "calls/aws/arns.hpp"
#include "calls/aws/service.hpp"
#include "calls/http_answer.hpp"
#include "calls/protocols.hpp"
#include "net/http/url.hpp"

namespace flowctl::calls::aws {

namespace {

constexpr Service kSqs = {"SQS", "AmazonSQS", "AmazonSQSException",
                          " InvalidAddress InvalidMessageContents InvalidSecurity KmsAccessDenied "
                          "KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired "
                          "KmsThrottled OverLimit QueueDoesNotExist RequestThrottled "
                          "UnsupportedOperation "};

std::string partition_of(std::string_view region) {
    if (region.starts_with("cn-")) return "aws-cn";
    if (region.starts_with("us-gov-")) return "aws-us-gov";
    return "aws";
}

// The ARN for https://sqs.<region>.amazonaws.com/<account>/<name>, and nothing for any other URL.
std::optional<std::string> arn_of_queue(std::string_view queue_url) {
    const auto split = net::split_url(queue_url);
    const auto* url = std::get_if<net::Url>(&split);
    if (url == nullptr || !url->query.empty()) return std::nullopt;
    std::string_view host = url->host;
    if (!host.starts_with("sqs.")) return std::nullopt;
    host.remove_prefix(4);
    const std::size_t dot = host.find('.');
    if (dot == host.npos || (host.substr(dot) != ".amazonaws.com" && host.substr(dot) != ".amazonaws.com.cn"))
        return std::nullopt;
    const std::string_view region = host.substr(0, dot);
    const std::string_view path = std::string_view(url->path).substr(1);
    const std::size_t slash = path.find('/');
    if (slash == path.npos) return std::nullopt;
    const std::string_view account = path.substr(0, slash);
    const std::string_view name = path.substr(slash + 1);
    const auto is_name = [](char c) { return is_ascii_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
    if (account.size() != 12 || account.find_first_not_of("0123456789") != account.npos || name.empty() ||
        !std::all_of(name.begin(), name.end(), is_name))
        return std::nullopt;
    return "arn:" + partition_of(region) + ":sqs:" + std::string(region) + ":" + std::string(account) + ":" +
           std::string(name);
}

class SendMessage final : public ServiceProtocol {
  public:
    constexpr SendMessage() : ServiceProtocol(kSqs) {}

  private:
    RequestResult request(const Task& task) const override {
        if (auto refusal = objection_to_input(task)) return *refusal;
        return post_json(task, "1.0", "AmazonSQS.SendMessage",
                         json::Value::object(
                             take(task.input, "MessageBody",
                                  {"QueueUrl", "DelaySeconds", "MessageAttributes", "MessageSystemAttributes",
                                   "MessageDeduplicationId", "MessageGroupId"})));
    }
    std::vector<std::string> targets(const asl::Resource&, const json::Value& input) const override {
        if (auto arn = arn_of_queue(string_member(input, "QueueUrl"))) return {*std::move(arn)};
        return {};
    }
    Names target_members() const override {
        static constexpr std::string_view kMembers[] = {"QueueUrl"};
        return kMembers;
    }
};

}  // namespace

const Protocol& sqs_send_message() {
    static const SendMessage object;
    return object;
}

}  // namespace flowctl::calls::aws
