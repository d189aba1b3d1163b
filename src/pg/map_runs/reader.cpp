// Reads the items of a map run from a query or a table, in the helper process. See helper.hpp.
//
// A cursor gives a number of rows at a time. Each row becomes a JSON object, each object an item, and items
// become the rows of children, all in the one transaction of the process, whose memory holds one fetch. The
// query runs read-only as the role of the run, and its arguments are bound, never pasted into the text.
// Between two fetches the children are written as the extension's owner.
#include <algorithm>

#include "core/asl/asl.hpp"
#include "core/json.hpp"
#include "pg/map_runs/children.hpp"
#include "pg/map_runs/helper.hpp"
#include "pg/server/guc.hpp"
#include "pg/store/flows.hpp"

extern "C" {
#include "executor/spi.h"
#include "parser/analyze.h"
#include "tcop/cmdtag.h"
#include "tcop/tcopprot.h"
#include "utils/portal.h"
}

namespace flowctl::pg::map_helper {

namespace {

constexpr long kFirstFetch = 50, kMostRows = 1'000;   // of one fetch
constexpr std::size_t kFetchBytes = 4 * 1024 * 1024;  // aimed at
constexpr std::size_t kMaxItemBytes = 64 * 1024 * 1024;
constexpr const char* kReaderFailed = "States.ItemReaderFailed";

struct ItemQuery {
    std::string text;
    std::vector<json::Value> arguments;
};

[[noreturn]] void fail(std::string cause) {
    throw Failed(kReaderFailed, std::move(cause));
}

ItemQuery query_of(const machine::MapRunPlan::Reader& reader) {
    ItemQuery query;
    if (reader.resource.kind == asl::DataResource::Kind::SqlTable) {
        query.text = "SELECT * FROM " + table_argument(reader.arguments, kReaderFailed);
        return query;
    }
    const json::Value* text = reader.arguments.find("Query");
    if (text == nullptr || !text->is_string()) fail("Query must be the text of a SELECT");
    query.text = text->as_string();
    if (const json::Value* given = reader.arguments.find("Args")) {
        if (!given->is_array()) fail("Args must be an array: the values of $1, $2, ...");
        query.arguments = given->items();
    }
    return query;
}

// A value as the text that the input function of the parameter's type reads. JSON's null is SQL's NULL.
std::optional<std::string> parameter_text(const json::Value& value) {
    if (value.is_null()) return std::nullopt;
    if (value.is_string()) return std::string(value.as_string());
    return json::dump(value);
}

// Opens the cursor as the role that is set. Needs an SPI connection for as long as this call takes.
Portal open_cursor(const ItemQuery& query) {
    const char* const text = query.text.c_str();
    const int given = static_cast<int>(query.arguments.size());
    std::vector<std::optional<std::string>> texts;
    for (const json::Value& argument : query.arguments)
        texts.push_back(parameter_text(argument));
    std::vector<const char*> values;
    for (const std::optional<std::string>& value : texts)
        values.push_back(value ? value->c_str() : nullptr);

    enum class Problem { None, NotOne, NotSelect, Arguments };
    struct Opened {
        Portal portal;
        Problem problem;
        int wanted;
    };
    const char* const* argument = values.data();
    const Opened opened = guarded([&]() -> Opened {
        List* const statements = pg_parse_query(text);
        if (list_length(statements) != 1) return {nullptr, Problem::NotOne, 0};
        Oid* types = nullptr;
        int count = 0;
        ::Query const* const analyzed =
            parse_analyze_varparams(linitial_node(RawStmt, statements), text, &types, &count, nullptr);
        if (analyzed->commandType != CMD_SELECT || analyzed->hasModifyingCTE)
            return {nullptr, Problem::NotSelect, 0};
        if (count != given) return {nullptr, Problem::Arguments, count};
        auto* const datums =
            static_cast<Datum*>(palloc0(sizeof(Datum) * static_cast<std::size_t>(count + 1)));
        auto* const nulls = static_cast<char*>(palloc0(static_cast<std::size_t>(count + 1)));
        for (int i = 0; i < count; i++) {
            if (types[i] == InvalidOid || types[i] == UNKNOWNOID) types[i] = TEXTOID;
            nulls[i] = argument[i] == nullptr ? 'n' : ' ';
            if (argument[i] == nullptr) continue;
            Oid input = InvalidOid, element = InvalidOid;
            getTypeInputInfo(types[i], &input, &element);
            datums[i] = OidInputFunctionCall(input, pstrdup(argument[i]), element, -1);
        }
        SPIPlanPtr const plan = SPI_prepare_cursor(text, count, types, CURSOR_OPT_NO_SCROLL);
        if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
        return {SPI_cursor_open("flowctl items", plan, datums, nulls, true), Problem::None, count};
    });
    switch (opened.problem) {
        case Problem::NotOne:
            fail("Query must be one SELECT");
        case Problem::NotSelect:
            fail("Query must be a SELECT that changes nothing");
        case Problem::Arguments:
            fail("Query has " + std::to_string(opened.wanted) + " parameters, Args has " +
                 std::to_string(given) + " values");
        default:
            return opened.portal;
    }
}

// The next rows as JSON text, as the role that is set. Rows live in the caller's SPI connection.
std::vector<std::string> fetch(Portal portal, long rows) {
    const auto fetched = guarded([&] {
        SPI_cursor_fetch(portal, true, rows);
        if (SPI_processed > 0) BlessTupleDesc(SPI_tuptable->tupdesc);
        return SPI_processed;
    });
    std::vector<std::string> texts;
    texts.reserve(fetched);
    for (std::uint64_t i = 0; i < fetched; i++) {
        const Datum json = guarded([&] {
            Datum row = heap_copy_tuple_as_datum(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
            Datum object = DirectFunctionCall1(row_to_json, row);
            pfree(DatumGetPointer(row));
            return object;
        });
        if (VARSIZE_ANY_EXHDR(DatumGetPointer(json)) > kMaxItemBytes)
            fail("a row has more than " + std::to_string(kMaxItemBytes) + " bytes as JSON");
        texts.push_back(from_text(json));
        pfree(DatumGetPointer(json));
    }
    return texts;
}

map_run::Item item_of(const std::string& text, std::int64_t number) {
    json::ParseLimits limits;
    limits.max_bytes = text.size() + 1;
    auto parsed = json::parse(text, limits);
    if (!parsed) fail("row " + std::to_string(number) + " cannot be kept as JSON: " + parsed.error().message);
    return {std::move(parsed).value(), std::nullopt, std::nullopt};
}

}  // namespace

void read_items(const Job& job) {
    const std::shared_ptr<const asl::Flow> flow = flow_of(job);
    const machine::MapRunPlan plan = plan_of(job);
    if (!plan.reader) throw std::logic_error("a map run without a reader");
    const ItemQuery query = query_of(*plan.reader);
    const std::unique_ptr<map_run::Batcher> batcher = make_batcher(*flow, plan);
    MapChildren children(job.map_run.map_run_id, job.map_run.run_id, job.map_run.type);

    Portal portal = nullptr;
    {
        Spi spi;
        const AsRunRole role(job.parent.role, true);
        portal = open_cursor(query);
    }
    long rows = kFirstFetch;
    std::int64_t number = 0;
    for (bool more = true; more && batcher->wants_item();) {
        Spi spi;  // the memory of the fetch goes with this connection
        std::vector<std::string> texts;
        {
            const AsRunRole role(job.parent.role, true);
            texts = fetch(portal, rows);
        }
        more = static_cast<long>(texts.size()) == rows;
        std::size_t bytes = 0;
        for (const std::string& text : texts) {
            if (!batcher->wants_item()) break;
            bytes += text.size();
            if (children.add(batcher->take(item_of(text, ++number), fresh_now()))) children.write(spi);
        }
        if (!texts.empty())
            rows = std::clamp(static_cast<long>(kFetchBytes / (bytes / texts.size() + 1)), 1L, kMostRows);
        children.write(spi);
        guarded([] { CHECK_FOR_INTERRUPTS(); });
    }
    if (!batcher->failure()) children.add(batcher->end_of_items());
    if (const auto& failure = batcher->failure()) throw Failed(failure->error, failure->cause);
    Spi spi;
    children.write(spi);
    if (!store::add_map_children(spi, job.map_run.map_run_id, children.items(), children.children(), true))
        fail("the map run was stopped");
}

}  // namespace flowctl::pg::map_helper
