// A page of S3's ListObjectsV2. See s3_listing.hpp.
#include "core/items/s3_listing.hpp"

#include <charconv>

#include "base/xml.hpp"
#include "core/asl/timestamp.hpp"

namespace flowctl::items {
namespace {

// A page has 1,000 keys of at most 1,024 bytes, which escapes can make several times as long, and about a
// dozen elements for each key.
constexpr XmlLimits kPage = {.bytes = 16 * 1024 * 1024, .elements = 20'000, .depth = 16};

}  // namespace

Result<S3Listing, std::string> read_s3_listing(std::string_view xml) {
    auto read = XmlText::parse(xml, kPage);
    if (const auto* fault = std::get_if<std::string>(&read)) return Err{"the answer " + *fault};
    const XmlText& document = std::get<XmlText>(read);
    if (document.root() != "ListBucketResult") return Err{std::string("the answer is no ListBucketResult")};
    S3Listing listing;
    for (const XmlText::Element& object : document.elements("ListBucketResult/Contents")) {
        const auto key = object.find("Key");
        if (!key) return Err{std::string("an object of the answer has no Key")};
        json::ObjectBuilder item;
        if (const auto tag = object.find("ETag")) item.add("Etag", *tag);
        item.add("Key", *key);
        if (const auto at = object.find("LastModified"))
            if (const auto instant = asl::parse_timestamp(*at))
                item.add("LastModified", json::Value::integer(instant->seconds));
        if (const auto size = object.find("Size")) {
            std::int64_t bytes = 0;
            std::from_chars(size->data(), size->data() + size->size(), bytes);
            item.add("Size", json::Value::integer(bytes));
        }
        if (const auto storage = object.find("StorageClass")) item.add("StorageClass", *storage);
        listing.objects.push_back(item.build());
    }
    if (document.find("ListBucketResult/IsTruncated") == "true")
        if (const auto next = document.find("ListBucketResult/NextContinuationToken"))
            listing.next = std::string(*next);
    return listing;
}

}  // namespace flowctl::items
