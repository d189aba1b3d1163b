// Small XML documents: what AWS's query services answer, and what nobody may make of them.
#include "base/xml.hpp"

#include <gtest/gtest.h>

namespace flowctl {
namespace {

std::string found(std::string_view text, std::string_view path) {
    const auto read = XmlText::parse(text);
    const auto* document = std::get_if<XmlText>(&read);
    if (document == nullptr) return "fault: " + std::get<std::string>(read);
    const auto value = document->find(path);
    return value ? std::string(*value) : "absent";
}

TEST(XmlReader, FindsTheTextOfLeaves) {
    const char* answer = R"(<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <!-- nothing <here> -->
  <AssumeRoleWithWebIdentityResult a='1 > 0' b="x/>">
    <Credentials><SessionToken>A&amp;B&#65;&#x42;==</SessionToken><AccessKeyId> ASIA </AccessKeyId><Empty/></Credentials>
    <ns:Audience><![CDATA[a<b]]></ns:Audience>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>)";
    EXPECT_EQ(found(answer, "Credentials/SessionToken"), "A&BAB==");
    EXPECT_EQ(found(answer, "Credentials/AccessKeyId"), " ASIA ");
    EXPECT_EQ(found(answer, "Audience"), "a<b");
    EXPECT_EQ(found(answer, "Credentials"), "absent");
    EXPECT_EQ(found(answer, "Token"), "absent");  // only whole names
    EXPECT_EQ(found(answer, "Empty"), "absent");
    EXPECT_EQ(found("<a>\xC3\xA9&#233;</a>", "a"), "\xC3\xA9\xC3\xA9");
}

TEST(XmlReader, RefusesWhatIsNotWellFormed) {
    for (const char* text :
         {"", "text", "<a>", "<a></b>", "<a/><b/>", "<a></a>x", "<a><b></a></b>", "<a b='></a>", "<", "</a>",
          "<a", "<a><![CDATA[x</a>", "<a><!-- x</a>", "<>x</>"})
        EXPECT_TRUE(found(text, "a").starts_with("fault: ")) << text;
    for (const char* text :
         {"<a>&x;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xd800;</a>", "<a>&#x;</a>", "<a>&#99999999999;</a>"})
        EXPECT_EQ(found(text, "a"), "fault: holds an entity that is not known") << text;
}

TEST(XmlReader, ExpandsNothing) {
    EXPECT_EQ(found("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "a"),
              "fault: holds a document type or a declaration");
}

TEST(XmlReader, IsBounded) {
    std::string deep;
    for (int i = 0; i < 17; i++)
        deep += "<a>";
    EXPECT_EQ(found(deep, "a"), "fault: is nested too deeply");
    std::string wide = "<a>";
    for (int i = 0; i < 1001; i++)
        wide += "<b>x</b>";
    EXPECT_EQ(found(wide + "</a>", "b"), "fault: holds too many elements");
    EXPECT_EQ(found("<a>" + std::string(70'000, 'x') + "</a>", "a"), "fault: is longer than 65536 bytes");
}

}  // namespace
}  // namespace flowctl
