// Content codings of answers.
#include "net/http/content_coding.hpp"

#include <gtest/gtest.h>

namespace flowctl::net::test {
namespace {

TEST(ContentCoding, IsWhatTheAnswerSays) {
    EXPECT_EQ(content_coding({}), "");
    EXPECT_EQ(content_coding({{"content-type", "gzip"}}), "");
    EXPECT_EQ(content_coding({{"content-encoding", "gzip"}}), "gzip");
    EXPECT_EQ(content_coding({{"content-encoding", " Br\t"}}), "Br");
    for (const char* none : {"", " \t", "identity", "Identity", " IDENTITY "})
        EXPECT_EQ(content_coding({{"content-encoding", none}}), "") << none;
    EXPECT_EQ(content_coding({{"content-encoding", "identity"}, {"content-encoding", "zstd"}}), "zstd");
}

TEST(ContentCoding, IsShownShortAndPrintable) {
    EXPECT_EQ(content_coding({{"content-encoding", "a\x01\xff z"}}), "a?? z");
    EXPECT_EQ(content_coding({{"content-encoding", std::string(64, 'x')}}), std::string(64, 'x'));
    EXPECT_EQ(content_coding({{"content-encoding", std::string(65, 'x')}}), std::string(64, 'x') + "...");
    EXPECT_EQ(content_coding_fault({{"content-encoding", "gzip"}}),
              "is encoded (gzip), which was not asked for");
    EXPECT_EQ(content_coding_fault({{"content-encoding", "identity"}}), "");
}

}  // namespace
}  // namespace flowctl::net::test
