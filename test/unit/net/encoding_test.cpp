// base64url in its one strict spelling, percent and form encoding.
#include "net/crypto/encoding.hpp"

#include <gtest/gtest.h>

#include <string>

namespace flowctl::net {
namespace {

TEST(Base64Url, RoundTripsEveryLengthAndByte) {
    std::string bytes;
    for (int i = 0; i < 600; ++i) {
        const std::string text = base64url_encode(bytes);
        EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
        EXPECT_EQ(base64url_decode(text), bytes);
        bytes += static_cast<char>(i * 7);
    }
}

TEST(Base64Url, KnownSpellings) {
    EXPECT_EQ(base64url_encode("\xfb\xff\xfe"), "-__-");
    EXPECT_EQ(base64url_decode("-__-"), "\xfb\xff\xfe");
    EXPECT_EQ(base64url_decode(""), "");
    EXPECT_EQ(base64url_decode("Zg"), "f");
}

TEST(Base64Url, RefusesEverySpellingButOne) {
    for (const char* text : {"Zg==", "Zg=", "Zh", "Zm9", "Zm8=", "Z", "Zm9vY", "+__-", "/w", "Zm 8", "Zm8\n",
                             "Zm\xc3\xa9", "=", "Zm9v."}) {
        if (std::string(text) == "Zm9") continue;
        EXPECT_FALSE(base64url_decode(text)) << text;
    }
    EXPECT_FALSE(base64url_decode("Zm9"));  // bits that no byte needs
    EXPECT_TRUE(base64url_decode("Zm8"));
    EXPECT_FALSE(base64url_decode(std::string_view("Zg\0\0", 4)));
}

TEST(FormEncoding, EscapesAllButUnreserved) {
    EXPECT_EQ(form_encode("aZ09-._~"), "aZ09-._~");
    EXPECT_EQ(form_encode(" +&=%:/?#*\n"), "+%2B%26%3D%25%3A%2F%3F%23%2A%0A");
    EXPECT_EQ(form_encode("\xc3\xa9"), "%C3%A9");
    EXPECT_EQ(form_encode(std::string_view("\0", 1)), "%00");
    std::string form;
    append_form_field(form, "a b", "c&d");
    append_form_field(form, "e", "");
    EXPECT_EQ(form, "a+b=c%26d&e=");
}

TEST(Hex, IsLowerCase) {
    EXPECT_EQ(hex_encode(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
}

TEST(PercentEncoding, RoundTripsAndDiffersFromFormEncodingInTheSpace) {
    std::string bytes;
    for (int c = 0; c < 256; ++c)
        bytes += static_cast<char>(c);
    EXPECT_EQ(percent_decode(percent_encode(bytes)), bytes);
    EXPECT_EQ(percent_encode("a b+~"), "a%20b%2B~");
    EXPECT_EQ(form_encode("a b+~"), "a+b%2B~");
}

TEST(PercentEncoding, WhatIsBrokenStaysAsItIs) {
    for (const char* text : {"%", "%4", "%4g", "%g4", "a%", "%%41x"})
        EXPECT_TRUE(has_broken_percent(text)) << text;
    EXPECT_EQ(percent_decode("%%41%4"), "%A%4");
    EXPECT_FALSE(has_broken_percent("%41%c3%A9"));
    EXPECT_EQ(percent_decode("%41%c3%A9"), "A\xc3\xa9");
}

}  // namespace
}  // namespace flowctl::net
