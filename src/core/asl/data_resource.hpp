// The `Resource` of an ItemReader or a ResultWriter, parsed: where the items of a distributed Map come from,
// and where its results go.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace flowctl::asl {

struct DataResource {
    enum class Kind {
        SqlQuery,     // flowctl:sql:query: the rows of a SELECT; for a reader
        SqlTable,     // flowctl:sql:table: the rows of a table for a reader, or the table that a writer fills
        Http,         // flowctl:http:<server>: a reader GETs a document, a writer POSTs one
        S3GetObject,  // arn:aws:states:::s3:getObject; for a reader
        S3ListObjects,  // arn:aws:states:::s3:listObjectsV2; for a reader
        S3PutObject,    // arn:aws:states:::s3:putObject; for a writer
    };
    Kind kind = Kind::SqlQuery;
    std::string name;  // of Http: the server; of S3: the ARN, which a server's option `arn` must cover
    std::string text;  // the Resource as written

    // The error is a message for the author.
    static Result<DataResource, std::string> parse_reader(std::string_view text);
    static Result<DataResource, std::string> parse_writer(std::string_view text);
};

}  // namespace flowctl::asl
