// The answer of S3's ListObjectsV2: a page of objects as items, and the place where the next page begins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/json.hpp"

namespace flowctl::items {

struct S3Listing {
    std::vector<json::Value> objects;  // {Etag, Key, LastModified, Size, StorageClass}, as AWS's items
    std::optional<std::string> next;   // the continuation token, if there are more pages
};

// The error says what is wrong with the answer.
Result<S3Listing, std::string> read_s3_listing(std::string_view xml);

}  // namespace flowctl::items
