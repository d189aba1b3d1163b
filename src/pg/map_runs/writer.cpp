// Writes the results of a map run into a table, in the helper process. See helper.hpp.
//
// The table gets a row for each child that has ended, in the order of the items, all in the one transaction
// of the process: exactly once, or not at all. Columns are matched by name: the table has any of the columns
// below, and its other columns get their defaults. The rows are inserted as the role of the run, under the
// table's triggers and policies.
#include <algorithm>

#include "core/json.hpp"
#include "pg/map_runs/helper.hpp"
#include "pg/store/map_children.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace flowctl::pg::map_helper {

namespace {

constexpr const char* kWriterFailed = "States.ResultWriterFailed";
constexpr std::int64_t kRows = 1'000;  // of one INSERT
constexpr std::size_t kBytes = 4 * 1024 * 1024;

// The columns that a table may have, and the type of their values.
struct Column {
    const char* name;
    const char* type;
};
constexpr Column kColumns[] = {{"map_run_id", "uuid"},     {"run_id", "uuid"}, {"index", "bigint"},
                               {"status", "text"},         {"input", "text"},  {"output", "text"},
                               {"error", "text"},          {"cause", "text"},  {"started_at", "timestamptz"},
                               {"ended_at", "timestamptz"}};

// Names and types of the columns of the table that can be written to.
Statement columns_sql(R"(
    SELECT a.attname::text, pg_catalog.format_type(a.atttypid, NULL)
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')",
                      {TEXTOID});

std::string insert_text(const std::string& table) {
    Spi spi;
    const Rows columns = spi.run(columns_sql, std::move(Params().text(table)));
    std::string names, values;
    for (std::size_t i = 0; i < columns.size(); i++) {
        const std::string name = columns.text(i, 0), type = columns.text(i, 1);
        const auto* known = std::find_if(std::begin(kColumns), std::end(kColumns),
                                         [&](const Column& column) { return name == column.name; });
        if (known == std::end(kColumns)) continue;
        const bool is_json = type == "json" || type == "jsonb";
        names += (names.empty() ? "\"" : ", \"") + name + "\"";
        values += (values.empty() ? "u.\"" : ", u.\"") + name + (is_json ? "\"::pg_catalog." + type : "\"");
    }
    if (names.empty())
        throw Failed(kWriterFailed,
                     "table " + table +
                         " has none of the columns map_run_id, run_id, index, status, input, output, "
                         "error, cause, started_at, ended_at");
    std::string arrays, aliases;
    int number = 0;
    for (const Column& column : kColumns) {
        number++;
        arrays +=
            (number == 1 ? "pg_catalog.unnest($" : ", pg_catalog.unnest($") + std::to_string(number) + ")";
        aliases += (aliases.empty() ? "\"" : ", \"") + std::string(column.name) + "\"";
    }
    return "INSERT INTO " + table + " (" + names + ") SELECT " + values + " FROM ROWS FROM (" + arrays +
           ") AS u(" + aliases + ")";
}

Params parameters(const Uuid& map_run, const std::vector<store::ChildResult>& results) {
    using Texts = std::vector<std::optional<std::string_view>>;
    const auto view = [](const std::optional<std::string>& text) {
        return text ? std::optional<std::string_view>(*text) : std::nullopt;
    };
    std::vector<Uuid> map_runs(results.size(), map_run), runs;
    std::vector<std::int64_t> indexes;
    Texts statuses, inputs, outputs, errors, causes;
    std::vector<std::optional<std::int64_t>> started, ended;
    for (const store::ChildResult& result : results) {
        runs.push_back(result.run_id);
        indexes.push_back(result.index);
        statuses.emplace_back(machine::name_of(result.status));
        inputs.emplace_back(result.input);
        outputs.push_back(view(result.output));
        errors.push_back(view(result.error));
        causes.push_back(view(result.cause));
        started.emplace_back(result.started_at);
        ended.push_back(result.ended_at);
    }
    Params params;
    params.uuids(map_runs).uuids(runs).int8s(indexes).texts(statuses).texts(inputs).texts(outputs);
    params.texts(errors).texts(causes).timestamps(started).timestamps(ended);
    return params;
}

SPIPlanPtr prepare(const std::string& insert) {
    static Oid types[] = {UUIDARRAYOID, UUIDARRAYOID, INT8ARRAYOID, TEXTARRAYOID,        TEXTARRAYOID,
                          TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID};
    const char* const text = insert.c_str();
    return guarded([&] {
        SPIPlanPtr const plan = SPI_prepare(text, static_cast<int>(std::size(types)), types);
        if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
        if (SPI_keepplan(plan) != 0) elog(ERROR, "SPI_keepplan failed");
        return plan;
    });
}

}  // namespace

void write_results(const Job& job) {
    const machine::MapRunPlan plan = plan_of(job);
    if (!plan.writer) throw std::logic_error("a map run without a writer");
    const std::string table = table_argument(plan.writer->arguments, kWriterFailed);
    SPIPlanPtr insert = nullptr;
    {
        const AsRunRole role(job.parent.role, false);
        const std::string text = insert_text(table);
        Spi spi;
        insert = prepare(text);
    }
    const Uuid& id = job.map_run.map_run_id;
    std::int64_t written = 0;
    for (std::int64_t next = 0; next < job.map_run.children;) {
        Spi spi;  // the memory of the INSERT goes with this connection
        const store::ChildResults found = store::find_results(spi, id, next, next + kRows, kBytes);
        const std::vector<store::ChildResult>& results = found.children;
        next = found.next;
        if (results.empty()) continue;
        Params params = parameters(id, results);
        Datum* const values = params.values();
        const char* const nulls = params.nulls();
        {
            const AsRunRole role(job.parent.role, false);
            guarded([&] {
                const int result = SPI_execute_plan(insert, values, nulls, false, 0);
                if (result < 0) elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
                CHECK_FOR_INTERRUPTS();
            });
        }
        written += static_cast<std::int64_t>(results.size());
    }
    Spi spi;
    store::add_results_written(spi, id, written);
}

}  // namespace flowctl::pg::map_helper
