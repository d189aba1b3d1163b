// What S3's ListObjectsV2 answers: a page of objects as items, and where the next page begins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/json.hpp"

namespace flowctl::items {

struct S3Listing {
    std::vector<json::Value> objects;  // {Etag, Key, LastModified, Size, StorageClass}, as AWS gives items
    std::optional<std::string> next;   // the continuation token, where there is more
};

// Error: what is wrong with the answer.
Result<S3Listing, std::string> read_s3_listing(std::string_view xml);

}  // namespace flowctl::items
