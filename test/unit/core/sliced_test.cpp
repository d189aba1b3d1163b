// Sliced work: it stands still where it looks for interrupts, goes on there, and can be given up.
#include "core/sliced.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/asl/asl.hpp"
#include "core/interrupt.hpp"
#include "machine_support.hpp"

namespace flowctl {
namespace {

std::string many_states() {
    std::string states;
    for (int i = 0; i < 2'000; ++i)
        states +=
            "\"S" + std::to_string(i) + R"(":{"Type":"Pass","Next":"S)" + std::to_string(i + 1) + "\"},";
    return R"({"StartAt":"S0","States":{)" + states + R"("S2000":{"Type":"Succeed"}}})";
}

TEST(Sliced, DoesInPiecesWhatItDoesAtOnce) {
    const std::string definition = many_states();
    asl::Compiled compiled;
    Sliced sliced([&] { compiled = asl::compile(definition); });
    int slices = 1;
    while (!sliced.go_on(0))
        ++slices;
    EXPECT_GT(slices, 2);
    EXPECT_TRUE(sliced.go_on(0));
    EXPECT_GT(sliced.used_micros(), 0);
    EXPECT_TRUE(compiled.findings.empty());
    ASSERT_NE(compiled.flow, nullptr);
    EXPECT_EQ(compiled.flow->top.states.size(), 2'001U);
}

TEST(Sliced, IsOverAtOnceWhereThereIsTime) {
    int done = 0;
    Sliced sliced([&] {
        for (int i = 0; i < 1'000; ++i) {
            poll_interrupt();
            ++done;
        }
    });
    EXPECT_TRUE(sliced.go_on(60'000'000));
    EXPECT_EQ(done, 1'000);
}

TEST(Sliced, ThrowsWhatTheWorkThrows) {
    Sliced sliced([] {
        poll_interrupt();
        throw std::runtime_error("no");
    });
    EXPECT_FALSE(sliced.go_on(0));
    EXPECT_THROW(sliced.go_on(0), std::runtime_error);
    EXPECT_TRUE(sliced.go_on(0));
}

TEST(Sliced, ExceptionsOnBothStacksDoNotMeet) {
    const auto work = [](int& caught) {
        return [&caught] {
            for (int i = 0; i < 100; ++i) {
                try {
                    throw i;
                } catch (int thrown) {
                    poll_interrupt();
                    if (thrown == i && std::uncaught_exceptions() == 0) ++caught;
                    try {
                        throw std::string("inner");
                    } catch (const std::string&) {
                        poll_interrupt();
                    }
                }
            }
        };
    };
    int one = 0, other = 0;
    Sliced first(work(one)), second(work(other));
    bool more = true;
    while (more) {
        try {
            throw 1'000;
        } catch (int thrown) {
            more = !first.go_on(0);
            more = !second.go_on(0) || more;
            EXPECT_EQ(thrown, 1'000);
        }
        EXPECT_EQ(std::current_exception(), nullptr);
    }
    EXPECT_EQ(one, 100);
    EXPECT_EQ(other, 100);
}

TEST(Sliced, CanBeGivenUp) {
    auto held = std::make_shared<int>(1);
    {
        Sliced sliced([held] {
            const auto copy = std::make_shared<std::shared_ptr<int>>(held);
            for (;;)
                poll_interrupt();
        });
        EXPECT_FALSE(sliced.go_on(0));
        EXPECT_EQ(held.use_count(), 3);
    }
    EXPECT_EQ(held.use_count(), 1);
    const Sliced never_begun([held] {});
}

TEST(Sliced, HasItsOwnInterrupts) {
    static volatile std::sig_atomic_t inner = 0;
    bool ended = false;
    Sliced sliced([&] {
        const InterruptScope scope(inner);
        try {
            for (;;)
                poll_interrupt();
        } catch (const Interrupted&) {
            ended = true;
        }
    });
    EXPECT_FALSE(sliced.go_on(0));
    EXPECT_NO_THROW(poll_interrupt());
    inner = 1;
    EXPECT_NO_THROW(poll_interrupt());
    EXPECT_TRUE(sliced.go_on(0));
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace flowctl
