// The identifiers in the Context Object have their parts where AWS's have them.
#include <gtest/gtest.h>

#include "core/machine/identifiers.hpp"

namespace flowctl::machine {
namespace {

const ArnSpace kSpace{"aws", "us-east-1", "123456789012"};

TEST(Identifiers, AreThoseOfAws) {
    EXPECT_EQ(kSpace.state_machine("f"), "arn:aws:states:us-east-1:123456789012:stateMachine:f");
    EXPECT_EQ(kSpace.execution("f", "n"), "arn:aws:states:us-east-1:123456789012:execution:f:n");
    EXPECT_EQ(kSpace.express("f", "n", "id"), "arn:aws:states:us-east-1:123456789012:express:f:n:id");
    EXPECT_EQ(kSpace.express("f", "n"), "arn:aws:states:us-east-1:123456789012:express:f:n");
    EXPECT_EQ(kSpace.role("r"), "arn:aws:iam::123456789012:role/r");
}

TEST(Identifiers, OfMapRuns) {
    const std::string machine = kSpace.state_machine("f");
    EXPECT_EQ(map_run_arn(machine, "rows", "u"), "arn:aws:states:us-east-1:123456789012:mapRun:f/rows:u");
    const std::string child = child_state_machine(machine, "rows");
    EXPECT_EQ(child, "arn:aws:states:us-east-1:123456789012:stateMachine:f/rows");
    EXPECT_EQ(child_execution(child, "n", false), "arn:aws:states:us-east-1:123456789012:execution:f/rows:n");
    EXPECT_EQ(child_execution(child, "n", true), "arn:aws:states:us-east-1:123456789012:express:f/rows:n:n");
}

// A name with a colon in it must not shift the parts behind it.
TEST(Identifiers, ANameIsOnePart) {
    EXPECT_EQ(as_arn_part("plain_name-1"), "plain_name-1");
    EXPECT_EQ(as_arn_part("a:b%3Ac"), "a%3Ab%253Ac");
    EXPECT_EQ(as_arn_part("\xc3\xa4 b"), "\xc3\xa4 b");
    EXPECT_EQ(kSpace.role("x:y"), "arn:aws:iam::123456789012:role/x%3Ay");
}

}  // namespace
}  // namespace flowctl::machine
