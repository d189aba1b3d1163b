// Base64: padding, the whole alphabet, and that decoding takes one spelling of each value only.
#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace flowctl {
namespace {

TEST(Base64, HasPadding) {
    EXPECT_EQ(base64_encode(""), "");
    EXPECT_EQ(base64_encode("f"), "Zg==");
    EXPECT_EQ(base64_encode("fo"), "Zm8=");
    EXPECT_EQ(base64_encode("foo"), "Zm9v");
    EXPECT_EQ(base64_encode("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, DecodesOneSpellingOnly) {
    EXPECT_EQ(base64_decode("Zm9v"), "foo");
    EXPECT_EQ(base64_decode("Zg=="), "f");
    for (const char* text : {"Zg", "Zg=", "Zh==", "Zm9", "Zm8", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-v", "Zg==Zg=="})
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
}

}  // namespace
}  // namespace flowctl
