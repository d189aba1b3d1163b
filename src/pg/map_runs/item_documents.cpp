// Items from an endpoint; see item_documents.hpp.
#include "pg/map_runs/item_documents.hpp"
#include "pg/server/timestamps.hpp"

#include <utility>

#include "core/items/s3_listing.hpp"
#include "core/json.hpp"
#include "net/http/url.hpp"

namespace flowctl::pg {

namespace {

using Kind = asl::DataResource::Kind;

constexpr std::size_t kPieceBytes = 8 * 1024;
constexpr std::size_t kMaxItemBytes = 64 * 1024 * 1024;
constexpr std::size_t kMaxListingBytes = 64 * 1024 * 1024;
constexpr int kMaxEmptyPages = 100;  // of a list: an empty page may be followed by another page

// A page of a bucket's list.
json::Value listing_input(const json::Value& arguments, const std::optional<std::string>& token) {
    json::ObjectBuilder query;
    query.add("list-type", "2");
    if (const std::string prefix = text_argument(arguments, "Prefix"); !prefix.empty())
        query.add("prefix", prefix);
    if (token) query.add("continuation-token", *token);
    return json::ObjectBuilder()
        .add("Method", "GET")
        .add("Path", "/" + net::percent_encode(text_argument(arguments, "Bucket")))
        .add("QueryParameters", query.build())
        .build();
}

// Takes the next pieces of the document apart.
void take_pieces(MapRun& run, MakingChildren& making) {
    const std::int64_t until = unix_micros_now() + kMakingMicros;
    for (bool full = false; !making.all && !full && unix_micros_now() < until;) {
        std::vector<items::Item> items;
        const std::string_view piece = std::string_view(*run.source).substr(run.parsed_to, kPieceBytes);
        if (piece.empty())
            making.problem = run.parser->finish(items);
        else
            making.problem = run.parser->feed(piece, items);
        run.parsed_to += piece.size();
        if (making.problem) return;
        making.all = piece.empty();
        for (const items::Item& item : items) {
            if (run.to_skip > 0) {
                run.to_skip--;
                continue;
            }
            if (!run.batcher->wants_item()) {
                making.all = true;
                break;
            }
            if (making.children.add(run.batcher->take(item, fresh_now()))) full = true;
        }
    }
}

}  // namespace

bool ItemDocuments::read(MapRun& run) {
    if (run.source) return parse(run);
    if (run.answer) return take_answer(run);
    if (run.request != 0) return false;
    const machine::MapRunPlan::Reader& reader = *run.plan.reader;
    const Kind kind = reader.resource.kind;
    if (reader.config.input_type == asl::InputType::Parquet ||
        reader.config.input_type == asl::InputType::Manifest || reader.config.load_and_flatten) {
        phases_.fail(run, std::string(map_run::kItemReaderFailed),
                     "items of this kind cannot be read: CSV, JSON and JSONL can, and the list of a bucket");
        return true;
    }
    http_task::Document document;
    if (kind == Kind::S3GetObject)
        document.input = json::ObjectBuilder()
                             .add("Method", "GET")
                             .add("Path", object_path(text_argument(reader.arguments, "Bucket"),
                                                      text_argument(reader.arguments, "Key")))
                             .build();
    else if (kind == Kind::S3ListObjects)
        document.input = listing_input(reader.arguments, run.listing_token);
    else
        document.input = as_invoke(reader.arguments, "GET");
    return exchange_.send(run, run.plan.path, reader.resource, document);
}

// The answer is kept, or the reason why there is none. A bucket's list is kept when its last page has come.
bool ItemDocuments::take_answer(MapRun& run) {
    std::string cause, objects;
    std::optional<std::string> source, next_page;
    if (const auto* refusal = std::get_if<http_task::Refusal>(&run.answer->body)) {
        cause = refusal->error + ": " + refusal->cause;
    } else if (run.plan.reader->resource.kind != Kind::S3ListObjects) {
        source = std::get<std::string>(run.answer->body);
    } else if (auto page = items::read_s3_listing(std::get<std::string>(run.answer->body)); !page) {
        cause = page.error();
    } else {
        for (const json::Value& object : page->objects)
            objects += json::dump(object) + "\n";
        next_page = page->next;
        if (run.listing.size() + objects.size() > kMaxListingBytes)
            cause = "the list of the bucket has more than " + std::to_string(kMaxListingBytes) + " bytes";
        else if (next_page && objects.empty() && run.empty_pages >= kMaxEmptyPages)
            cause = "the list of the bucket has more than " + std::to_string(kMaxEmptyPages) +
                    " pages without an object";
        else if (!next_page)
            source = run.listing + objects;
    }
    in_transaction("pg_flowctl: keeping the items of a map run", [&](Spi& spi) {
        store::append_outcomes({run.answer->outcome});
        if (source) store::set_map_source(spi, run.id, *source);
    });
    run.answer.reset();
    run.listing += objects;
    run.listing_token = std::move(next_page);
    if (objects.empty()) run.empty_pages++;
    if (source) run.listing.clear();
    run.source = std::move(source);
    if (!cause.empty()) phases_.fail(run, std::string(map_run::kItemReaderFailed), cause);
    return true;
}

// Makes the batcher and the parser; after a restart they begin with the document's first byte and pass over
// the items that are in children already. False: there is no parser for it.
bool ItemDocuments::begin_parsing(MapRun& run) {
    run.batcher = make_batcher(*run.whole->whole, run.plan, {run.items, run.written});
    items::Limits limits;
    limits.max_item_bytes = kMaxItemBytes;
    run.parser = run.plan.reader->resource.kind == Kind::S3ListObjects
                     ? items::make_jsonl_parser(limits)
                     : items::make_parser(run.plan.reader->config, limits);
    run.parsed_to = 0;
    run.to_skip = run.items;
    if (run.parser) return true;
    phases_.fail(run, std::string(map_run::kItemReaderFailed),
                 "the reader needs an InputType: CSV, JSON or JSONL");
    return false;
}

// Children from the next pieces of the document.
bool ItemDocuments::parse(MapRun& run) {
    if (!run.batcher && !begin_parsing(run)) return true;
    phases_.make_children(run, take_pieces);
    return true;
}

}  // namespace flowctl::pg
