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

TEST(XmlReader, WalksElementsThatRepeat) {
    const auto read = XmlText::parse(
        "<r><n>1</n><e><k>a</k><o><k>inner</k></o></e><x:e><o><k>inner</k></o><s/></x:e><e>leaf</e>"
        "<p><e><k>deeper</k></e></p><e><k>b</k><k>c</k></e></r>");
    const auto& document = std::get<XmlText>(read);
    EXPECT_EQ(document.root(), "r");
    std::string keys;
    for (const XmlText::Element& element : document.elements("r/e"))
        keys += std::string(element.find("k").value_or("none")) + ",";
    EXPECT_EQ(keys, "a,none,b,");
    EXPECT_EQ(document.elements("r/p/e").size(), 1U);
    EXPECT_TRUE(document.elements("e").empty());
    EXPECT_EQ(document.elements("r").at(0).find("n"), "1");
    EXPECT_FALSE(document.elements("r").at(0).find("k"));
}

TEST(XmlReader, LimitsAreThoseOfTheUse) {
    const std::string text = "<a><b>" + std::string(70'000, 'x') + "</b><c>1</c></a>";
    EXPECT_TRUE(std::holds_alternative<XmlText>(XmlText::parse(text, {.bytes = text.size(), .elements = 3})));
    EXPECT_TRUE(std::holds_alternative<std::string>(XmlText::parse(text, {.bytes = text.size() - 1})));
    EXPECT_TRUE(std::holds_alternative<std::string>(XmlText::parse(text, {.bytes = 80'000, .elements = 2})));
    EXPECT_TRUE(std::holds_alternative<std::string>(XmlText::parse(text, {.bytes = 80'000, .depth = 1})));
    EXPECT_TRUE(std::holds_alternative<XmlText>(XmlText::parse(text, {.bytes = 80'000, .depth = 2})));
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

TEST(XmlReader, AByteOrderMarkIsNoPartOfTheDocument) {
    EXPECT_EQ(found("\xef\xbb\xbf<?xml version=\"1.0\"?><a>x</a>", "a"), "x");
    EXPECT_EQ(found("\xef\xbb\xbf\xef\xbb\xbf<a>x</a>", "a"), "fault: is not well-formed XML");
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
    for (int i = 0; i < 999; i++)
        wide += "<b>x</b>";
    EXPECT_EQ(found(wide + "</a>", "b"), "x");
    wide = "<a>";
    for (int i = 0; i < 1000; i++)
        wide += "<b>x</b>";
    EXPECT_EQ(found(wide + "</a>", "b"), "fault: holds too many elements");
    wide = "<a>";
    for (int i = 0; i < 1000; i++)
        wide += "<b><c/></b>";
    EXPECT_EQ(found(wide + "</a>", "b"), "fault: holds too many elements");
    EXPECT_EQ(found("<a>" + std::string(65'536 - 7, 'x') + "</a>", "a").size(), 65'536U - 7);
    EXPECT_EQ(found("<a>" + std::string(65'536 - 6, 'x') + "</a>", "a"), "fault: is longer than 65536 bytes");
}

}  // namespace
}  // namespace flowctl
