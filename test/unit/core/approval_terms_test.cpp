// The terms of approvals, and what decisions amount to.
#include "core/approvals/approval_terms.hpp"

#include <gtest/gtest.h>

namespace flowctl::approval {
namespace {

Result<Terms, std::string> read(const char* text) {
    auto input = json::parse(text);
    EXPECT_TRUE(input.ok()) << text;
    return parse_terms(*input);
}
std::string problem_of(const char* text) {
    const auto terms = read(text);
    return terms.ok() ? "" : terms.error();
}

TEST(ApprovalTerms, OfOneStageStandInTheInput) {
    const auto terms = read(R"({"Title": "Pay", "Message": "1,000 EUR", "Approvers": ["cfo", "group:corp/finance", "cfo"],
        "Approve": 2, "Deny": 3, "AllowStarter": true, "ReasonRequired": true, "ValidFor": 60, "RemindEvery": 10,
        "EscalateAfter": 20, "EscalateTo": ["ceo"]})");
    ASSERT_TRUE(terms.ok()) << terms.error();
    ASSERT_EQ(terms->stages.size(), 1U);
    const Stage& stage = terms->stages[0];
    EXPECT_EQ(stage.approvers, (std::vector<Approver>{{"cfo", "", ""}, {"", "corp", "finance"}}));
    EXPECT_EQ(stage.approvers[1].text(), "group:corp/finance");
    EXPECT_EQ(stage.approve, 2);
    EXPECT_EQ(stage.escalate_to, (std::vector<Approver>{{"ceo", "", ""}}));
    EXPECT_EQ(terms->deny, 3);
    EXPECT_TRUE(terms->allow_starter);
    EXPECT_FALSE(terms->allow_author);
    EXPECT_TRUE(terms->reason_required);
    EXPECT_EQ(terms->valid_for, 60);
}

TEST(ApprovalTerms, AGroupMayHaveSlashes) {
    EXPECT_EQ(read(R"({"Title": "T", "Approvers": ["group:corp/a/b"]})")->stages[0].approvers[0],
              (Approver{"", "corp", "a/b"}));
}

TEST(ApprovalTerms, ProblemsNameTheMember) {
    const struct {
        const char* input;
        const char* part;
    } cases[] = {
        {R"([])", "must be an object"},
        {R"({"Approvers": ["a"]})", "'Title' of the approval is missing"},
        {R"({"Title": "T"})", "'Approvers' of the approval is missing"},
        {R"({"Title": "T", "Approvers": []})", "'Approvers' of the approval must be an array"},
        {R"({"Title": "T", "Approvers": "a"})", "'Approvers' of the approval must be an array"},
        {R"({"Title": "T", "Approvers": [""]})", "has an empty name"},
        {R"({"Title": "T", "Approvers": ["group:corp"]})", "'group:<issuer>/<group>'"},
        {R"({"Title": "T", "Approvers": ["group:/x"]})", "'group:<issuer>/<group>'"},
        {R"({"Title": "T", "Approvers": ["a"], "Approve": 0})", "'Approve' of the approval must be an integer from 1"},
        {R"({"Title": "T", "Approvers": ["a"], "Approve": 1.5})", "'Approve' of the approval must be an integer"},
        {R"({"Title": "T", "Approvers": ["a"], "AllowStarter": "yes"})", "'AllowStarter' of the approval must be true or false"},
        {R"({"Title": "T", "Approvers": ["a"], "Allowstarter": true})", "'Allowstarter' of the approval is not known"},
        {R"({"Title": "T", "Approvers": ["a"], "EscalateAfter": 5})", "'EscalateTo' of the approval is missing"},
        {R"({"Title": "T", "Approvers": ["a"], "EscalateTo": ["b"]})", "'EscalateAfter' of the approval is missing"},
        {R"({"Title": "T", "Approvers": ["a"], "Schema": {"type": "nothing"}})", "'Schema' of the approval is no JSON Schema"},
        {R"({"Title": "T", "Stages": []})", "'Stages' of the approval must be an array of 1 to 10"},
        {R"({"Title": "T", "Stages": [{}]})", "'Stages[0].Approvers' of the approval is missing"},
        {R"({"Title": "T", "Stages": [{"Approvers": ["a"], "Deny": 1}]})", "'Stages[0].Deny' of the approval is not known"},
        {R"({"Title": "T", "Stages": [{"Approvers": ["a"]}], "Approvers": ["b"]})", "cannot stand beside"},
    };
    for (const auto& one : cases)
        EXPECT_NE(problem_of(one.input).find(one.part), std::string::npos) << one.input << ": " << problem_of(one.input);
}

TEST(ApprovalTerms, AreBounded) {
    std::string many = R"({"Title": "T", "Approvers": ["a0")";
    for (int i = 1; i <= 50; i++)
        many += ", \"a" + std::to_string(i) + "\"";
    EXPECT_NE(problem_of((many + "]}").c_str()).find("more than 50"), std::string::npos);
    EXPECT_NE(problem_of((R"({"Approvers": ["a"], "Title": ")" + std::string(201, 'x') + "\"}").c_str()).find("200 bytes"),
              std::string::npos);
}

constexpr std::int64_t kNow = 1'700'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000;

TEST(ApprovalTally, CountsStageByStage) {
    const auto terms = read(R"({"Title": "T", "Stages": [{"Approvers": ["a"], "Approve": 2}, {"Approvers": ["b"]}]})");
    std::vector<Counted> decisions;
    EXPECT_EQ(tally(*terms, decisions, kNow).stage, 0U);
    decisions.push_back({0, true, kNow});
    EXPECT_EQ(tally(*terms, decisions, kNow).stage, 0U);
    decisions.push_back({0, true, kNow});
    EXPECT_EQ(tally(*terms, decisions, kNow).stage, 1U);
    decisions.push_back({1, true, kNow});
    EXPECT_EQ(tally(*terms, decisions, kNow).stage, 2U);
    EXPECT_FALSE(tally(*terms, decisions, kNow).denied);
    decisions.push_back({1, false, kNow});
    EXPECT_TRUE(tally(*terms, decisions, kNow).denied);
}

TEST(ApprovalTally, DenialsOfAllStagesCount) {
    const auto terms =
        read(R"({"Title": "T", "Deny": 2, "Stages": [{"Approvers": ["a"]}, {"Approvers": ["b"]}]})");
    EXPECT_FALSE(tally(*terms, {{0, false, kNow}}, kNow).denied);
    EXPECT_TRUE(tally(*terms, {{0, false, kNow}, {0, true, kNow}, {1, false, kNow}}, kNow).denied);
}

TEST(ApprovalTally, AnOldDecisionIsAskedAgain) {
    const auto terms = read(R"({"Title": "T", "ValidFor": 60, "Stages": [{"Approvers": ["a"]}, {"Approvers": ["b"]}]})");
    const std::vector<Counted> decisions = {{0, true, kNow - 60 * kSecond}, {1, true, kNow}};
    EXPECT_EQ(tally(*terms, decisions, kNow - 1).stage, 2U);
    EXPECT_EQ(tally(*terms, decisions, kNow).stage, 0U) << "the first stage again";
}

}  // namespace
}  // namespace flowctl::approval
