// Implementation of the SQL helpers. See spi.hpp.
#include "pg/server/spi.hpp"

#include <cstring>
#include <stdexcept>


namespace flowctl::pg {

// ---------------------------------------------------------------------------------------------- parameters

Params& Params::null() {
    add(0, true);
    return *this;
}
Params& Params::boolean(bool value) {
    add(BoolGetDatum(value));
    return *this;
}
Params& Params::int4(std::int32_t value) {
    add(Int32GetDatum(value));
    return *this;
}
Params& Params::int8(std::int64_t value) {
    add(Int64GetDatum(value));
    return *this;
}
Params& Params::oid(Oid value) {
    add(ObjectIdGetDatum(value));
    return *this;
}
Params& Params::timestamp(std::int64_t unix_micros) {
    add(TimestampTzGetDatum(to_timestamp(unix_micros)));
    return *this;
}
Params& Params::text(std::optional<std::string_view> value) {
    if (!value) return null();
    add(to_text(*value));
    return *this;
}
Params& Params::uuid(const Uuid& value) {
    add(UUIDPGetDatum(to_pg(value)));
    return *this;
}
Params& Params::datum(Datum value) {
    add(value);
    return *this;
}

void Params::add_array(Datum* values, bool* nulls, std::size_t count, Oid type) {
    Datum array = guarded([&] {
        std::int16_t length;
        bool by_value;
        char align;
        get_typlenbyvalalign(type, &length, &by_value, &align);
        int dims[1] = {static_cast<int>(count)};
        int bounds[1] = {1};
        ArrayType* made =
            count == 0 ? construct_empty_array(type)
                       : construct_md_array(values, nulls, 1, dims, bounds, type, length, by_value, align);
        return PointerGetDatum(made);
    });
    add(array);
}

namespace {

// palloc'd space for a column of datums and its null flags.
struct Column {
    explicit Column(std::size_t count) {
        values = guarded([&] { return static_cast<Datum*>(palloc0(sizeof(Datum) * (count + 1))); });
        nulls = guarded([&] { return static_cast<bool*>(palloc0(count + 1)); });
    }
    Datum* values;
    bool* nulls;
};

}  // namespace

Params& Params::uuids(const std::vector<Uuid>& values) {
    Column column(values.size());
    for (std::size_t i = 0; i < values.size(); i++)
        column.values[i] = UUIDPGetDatum(to_pg(values[i]));
    add_array(column.values, column.nulls, values.size(), UUIDOID);
    return *this;
}
Params& Params::int4s(const std::vector<std::int32_t>& values) {
    Column column(values.size());
    for (std::size_t i = 0; i < values.size(); i++)
        column.values[i] = Int32GetDatum(values[i]);
    add_array(column.values, column.nulls, values.size(), INT4OID);
    return *this;
}
Params& Params::int8s(const std::vector<std::int64_t>& values) {
    Column column(values.size());
    for (std::size_t i = 0; i < values.size(); i++)
        column.values[i] = Int64GetDatum(values[i]);
    add_array(column.values, column.nulls, values.size(), INT8OID);
    return *this;
}
Params& Params::timestamps(const std::vector<std::optional<std::int64_t>>& values) {
    Column column(values.size());
    for (std::size_t i = 0; i < values.size(); i++) {
        column.nulls[i] = !values[i];
        if (values[i]) column.values[i] = TimestampTzGetDatum(to_timestamp(*values[i]));
    }
    add_array(column.values, column.nulls, values.size(), TIMESTAMPTZOID);
    return *this;
}
Params& Params::texts(const std::vector<std::optional<std::string_view>>& values) {
    Column column(values.size());
    for (std::size_t i = 0; i < values.size(); i++) {
        column.nulls[i] = !values[i];
        if (values[i]) column.values[i] = to_text(*values[i]);
    }
    add_array(column.values, column.nulls, values.size(), TEXTOID);
    return *this;
}
// ---------------------------------------------------------------------------------------------- rows

Datum Rows::get(std::size_t row, int column, bool& is_null_out) const {
    const int number = numbers_ != nullptr ? numbers_[column] : column + 1;
    return SPI_getbinval(table_->vals[row], table_->tupdesc, number, &is_null_out);
}
bool Rows::is_null(std::size_t row, int column) const {
    bool null_value;
    get(row, column, null_value);
    return null_value;
}
bool Rows::boolean(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return !null_value && DatumGetBool(value);
}
std::int32_t Rows::int4(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? 0 : DatumGetInt32(value);
}
std::int64_t Rows::int8(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? 0 : DatumGetInt64(value);
}
Oid Rows::oid(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? InvalidOid : DatumGetObjectId(value);
}
Uuid Rows::uuid(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? Uuid{} : from_pg(DatumGetUUIDP(value));
}
std::int64_t Rows::timestamp(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? 0 : to_unix_micros(DatumGetTimestampTz(value));
}
std::string Rows::text(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? std::string() : from_text(value);
}
std::optional<std::string> Rows::optional_text(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    if (null_value) return std::nullopt;
    return from_text(value);
}
std::optional<std::int64_t> Rows::optional_timestamp(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    if (null_value) return std::nullopt;
    return to_unix_micros(DatumGetTimestampTz(value));
}

Datum Rows::datum(std::size_t row, int column) const {
    bool null_value;
    Datum value = get(row, column, null_value);
    return null_value ? 0 : value;
}

// ---------------------------------------------------------------------------------------------- connection

Spi::Spi() {
    guarded([] {
        if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
    });
}

Spi::~Spi() {
    // After an ERROR of the server's, the abort of the (sub)transaction ends the connection. An error of our
    // own may be caught and the transaction go on, so the connection must end here.
    if (!failed_) SPI_finish();
}

// Runs `body`, which leaves its rows in SPI's variables. An ERROR in it leaves the connection to the abort.
template <class Body>
Rows Spi::collect(Body&& body) {
    failed_ = true;
    guarded(body);
    failed_ = false;
    return Rows(SPI_tuptable, SPI_processed);
}

void Spi::prepare(Statement& statement, const Params& params) {
    if (params.size() != statement.count_)
        throw std::logic_error("wrong number of parameters for a statement");
    if (statement.plan_ != nullptr) return;
    (void)collect([&] {
        SPIPlanPtr plan = SPI_prepare_cursor(statement.sql_, static_cast<int>(statement.count_), statement.types_,
                                             statement.for_all_ ? CURSOR_OPT_GENERIC_PLAN : 0);
        if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
        if (SPI_keepplan(plan) != 0) elog(ERROR, "SPI_keepplan failed");
        statement.plan_ = plan;
    });
}

Rows Spi::run(Statement& statement, Params params) {
    prepare(statement, params);
    Datum* const values = params.values();
    const char* const nulls = params.nulls();
    return collect([&] {
        const int result = SPI_execute_plan(statement.plan_, values, nulls, false, 0);
        if (result < 0) elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
    });
}

Rows Spi::run_latest(Statement& statement, Params params) {
    prepare(statement, params);
    Datum* const values = params.values();
    const char* const nulls = params.nulls();
    return collect([&] {
        const int result = SPI_execute_snapshot(statement.plan_, values, nulls, GetLatestSnapshot(),
                                                InvalidSnapshot, true, false, 0);
        if (result < 0) elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
    });
}

void Spi::forget(Statement& statement) noexcept {
    if (statement.plan_ != nullptr) SPI_freeplan(statement.plan_);
    statement.plan_ = nullptr;
}

Rows Spi::command(const std::string& sql) {
    const char* const text = sql.c_str();
    return collect([&] {
        const int result = SPI_execute(text, false, 0);
        if (result < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
    });
}

}  // namespace flowctl::pg
