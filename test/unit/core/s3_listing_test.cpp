// A page of S3's ListObjectsV2: objects as items, the next page, and answers that are none.
#include "core/items/s3_listing.hpp"

#include <gtest/gtest.h>

namespace flowctl::items {
namespace {

std::string page(const std::string& content) {
    return R"(<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)" +
           content + "</ListBucketResult>";
}

TEST(S3Listing, GivesObjectsAsAwsGivesItems) {
    const auto listing = read_s3_listing(
        page("<IsTruncated>false</IsTruncated><Contents><Key>a/1</Key><LastModified>2026-01-02T03:04:05.000Z"
             "</LastModified><ETag>&quot;3e1&quot;</ETag><Size>42</Size><StorageClass>STANDARD</StorageClass>"
             "</Contents>"));
    ASSERT_TRUE(listing.ok());
    ASSERT_EQ(listing->objects.size(), 1U);
    EXPECT_EQ(
        json::dump(listing->objects[0]),
        R"({"Etag":"\"3e1\"","Key":"a/1","LastModified":1767323045,"Size":42,"StorageClass":"STANDARD"})");
    EXPECT_FALSE(listing->next);
}

TEST(S3Listing, SaysWhereTheNextPageBegins) {
    const auto listing = read_s3_listing(
        page("<IsTruncated>true</IsTruncated><NextContinuationToken>1&#x2f;&#65;=</NextContinuationToken>"));
    ASSERT_TRUE(listing.ok());
    EXPECT_TRUE(listing->objects.empty());
    EXPECT_EQ(listing->next, "1/A=");
}

TEST(S3Listing, ReadsEntitiesAndRefusesOthers) {
    const auto key = [](const std::string& text) {
        const auto listing = read_s3_listing(page("<Contents><Key>" + text + "</Key></Contents>"));
        return listing.ok() ? json::dump(*listing->objects.at(0).find("Key")) : "error";
    };
    EXPECT_EQ(key("a &amp; b &lt;&gt;&apos;"), R"("a & b <>'")");
    EXPECT_EQ(key("&#233;&#x1F600;"), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    EXPECT_EQ(key("&other;"), "error");
    EXPECT_EQ(key("&#xD800;"), "error");
    EXPECT_EQ(key("&#1114112;"), "error");
    EXPECT_EQ(key("&#;"), "error");
    EXPECT_EQ(key("& b"), "error");
    EXPECT_EQ(key("<b>x</b>"), "error");
}

TEST(S3Listing, ReadsAPageOfAThousandLongKeys) {
    std::string objects;
    for (int i = 0; i < 1000; i++)
        objects += "<Contents><Key>" + std::to_string(i) + std::string(1000, 'k') +
                   "</Key><ETag>&quot;x&quot;</ETag><Size>1</Size><Owner><ID>o</ID></Owner></Contents>";
    const auto listing = read_s3_listing(page(objects));
    ASSERT_TRUE(listing.ok()) << listing.error();
    ASSERT_EQ(listing->objects.size(), 1000U);
    EXPECT_EQ(listing->objects[999].find("Key")->as_string().substr(0, 4), "999k");
}

TEST(S3Listing, RefusesWhatIsNoListing) {
    for (const std::string xml : {"", "<Error><Code>AccessDenied</Code></Error>", "<ListBucketResult>",
                                  "<ListBucketResultat></ListBucketResultat>"})
        EXPECT_FALSE(read_s3_listing(xml).ok()) << xml;
    EXPECT_FALSE(read_s3_listing(page("<Contents><Size>1</Size></Contents>")).ok());
}

}  // namespace
}  // namespace flowctl::items
