// Prefect: beginning a flow run, following it, and what its answers may not do.
#include "calls_support.hpp"

namespace flowctl::calls {
namespace {

constexpr const char* kId = "0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

std::string follow_of(std::string_view id = kId) {
    return R"({"id":")" + std::string(id) + R"("})";
}

std::string shown(const std::optional<Progress>& progress) {
    if (!progress) return "nothing";
    if (const auto* continues = std::get_if<Continues>(&*progress))
        return "continues " + json::dump(continues->follow) + " " + json::dump(continues->output);
    if (const auto* done = std::get_if<Done>(&*progress)) return "done " + json::dump(done->output);
    return std::get<Refusal>(*progress).error + " " + std::get<Refusal>(*progress).cause;
}

TEST(Prefect, Begins) {
    const RequestParts parts = accepted(TaskOf("flowctl:http:p", R"({"order": 7})").request(prefect()));
    EXPECT_EQ(parts.method, "POST");
    EXPECT_EQ(parts.url,
              "https://api.example.com/v1/deployments/11111111-2222-3333-4444-555555555555/create_flow_run");
    EXPECT_EQ(parts.body, R"({"parameters":{"order":7},"idempotency_key":"the-key"})");
    EXPECT_EQ(refused(TaskOf("flowctl:http:p", "[1]").request(prefect())).error, "States.Runtime");
}

TEST(Prefect, WithoutSyncTheFlowRunIsTheResult) {
    const Meaning meaning = meaning_of(prefect(), json::Value(),
                                       answered(201, R"({"id": "x", "state": {"type": "FAILED"}})"), "p");
    EXPECT_TRUE(std::holds_alternative<json::Value>(meaning.what));
}

TEST(Prefect, Asks) {
    const RequestParts parts =
        accepted(TaskOf("flowctl:http:p.sync", "{}", follow_of()).request(prefect_sync()));
    EXPECT_EQ(parts.method, "GET");
    EXPECT_EQ(parts.url, std::string("https://api.example.com/v1/flow_runs/") + kId);
    EXPECT_EQ(parts.body, "");
}

TEST(Prefect, Progress) {
    const auto begun = [](std::string_view answer) {
        return shown(prefect_sync().progress(json::Value(), parsed(answer)));
    };
    EXPECT_EQ(begun(R"({"id":")" + std::string(kId) + R"("})"),
              "continues " + follow_of() + " " + follow_of());
    const auto state = [](std::string_view answer) {
        return shown(prefect_sync().progress(parsed(R"({"id":"the-same","failures":3})"), parsed(answer)));
    };
    EXPECT_EQ(state(R"({"id":"the-same","state":{"type":"RUNNING"}})"), R"(continues {"id":"the-same"} null)")
        << "an answer ends the count of failures";
    EXPECT_EQ(state(R"({"state_type":"SCHEDULED"})"), R"(continues {"id":"the-same"} null)");
    EXPECT_EQ(state(R"({"state":{"type":"COMPLETED"},"a":1})"),
              R"(done {"state":{"type":"COMPLETED"},"a":1})");
    EXPECT_EQ(state(R"({"id":"i","name":"n","state":{"type":"FAILED"},"parameters":{"secret":1}})"),
              R"(Prefect.Failed {"id":"i","name":"n","state":{"type":"FAILED"}})");
    EXPECT_EQ(state(R"({"state":{"type":"CRASHED"}})").substr(0, 15), "Prefect.Crashed");
    EXPECT_EQ(state(R"({"state":{"type":"CANCELLED"}})").substr(0, 17), "Prefect.Cancelled");
}

TEST(Prefect, HostileAnswers) {
    for (const char* answer : {"null", "[]", "\"x\"", "{}", R"({"id": 7})", R"({"id": "../../admin"})",
                               R"({"id": "0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee/"})",
                               R"({"id": "0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee0"})"})
        EXPECT_EQ(shown(prefect_sync().progress(json::Value(), parsed(answer))),
                  "Flowctl.InvalidResponse the answer of Prefect holds no id of a flow run")
            << answer;
    for (const char* answer : {"null", "[]", "{}", R"({"state": []})", R"({"state": {"type": 1}})"})
        EXPECT_EQ(shown(prefect_sync().progress(parsed(follow_of()), parsed(answer))),
                  "Flowctl.InvalidResponse the answer of Prefect holds no state of the flow run")
            << answer;
    // Which flow run is asked for next is not the answer's to say.
    EXPECT_EQ(shown(prefect_sync().progress(parsed(follow_of()),
                                            parsed(R"({"id":"other","state":{"type":"RUNNING"}})"))),
              "continues " + follow_of() + " null");
    EXPECT_EQ(refused(TaskOf("flowctl:http:p.sync", "{}", R"({"id":"../x"})").request(prefect_sync())).error,
              "Flowctl.InvalidResponse");
}

TEST(Prefect, AQuestionThatFailsIsAskedAgain) {
    json::Value follow = parsed(follow_of());
    for (int i = 1; i < 10; i++) {
        const Meaning meaning = meaning_of(prefect_sync(), follow, answered(503, ""), "p");
        ASSERT_TRUE(std::holds_alternative<Continues>(meaning.what)) << i;
        EXPECT_EQ(meaning.error, "States.Http.StatusCode.503");
        follow = std::get<Continues>(meaning.what).follow;
        EXPECT_EQ(follow.find("failures")->as_integer(), i);
    }
    const Meaning last = meaning_of(prefect_sync(), follow, answered(503, ""), "p");
    EXPECT_TRUE(std::holds_alternative<Refusal>(last.what)) << "ten in a row are enough";
}

TEST(Prefect, WhichFailuresMayPass) {
    const json::Value follow = parsed(follow_of());
    const auto goes_on = [&](const net::Response& response) {
        return std::holds_alternative<Continues>(meaning_of(prefect_sync(), follow, response, "p").what);
    };
    for (const int status : {408, 425, 429, 500, 599})
        EXPECT_TRUE(goes_on(answered(status, ""))) << status;
    for (const int status : {400, 401, 403, 404, 409, 499})
        EXPECT_FALSE(goes_on(answered(status, ""))) << status;
    using net::Failure;
    for (const Failure one : {Failure::Resolve, Failure::Connect, Failure::Tls, Failure::Timeout,
                              Failure::Protocol, Failure::Credential})
        EXPECT_TRUE(goes_on(failed(one)));
    for (const Failure one : {Failure::Refused, Failure::TooLarge})
        EXPECT_FALSE(goes_on(failed(one)));
    net::Response permanent = failed(Failure::Credential);
    permanent.credential_permanent = true;
    EXPECT_FALSE(goes_on(permanent));
    EXPECT_TRUE(std::holds_alternative<Refusal>(
        meaning_of(prefect_sync(), json::Value(), answered(503, ""), "p").what))
        << "work that was not begun does not go on";
}

}  // namespace
}  // namespace flowctl::calls
