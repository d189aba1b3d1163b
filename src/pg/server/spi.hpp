// SQL from C++: statements that are planned once per process, parameters and rows with C++ types.
//
// Every SQL statement of the project is a Statement object at namespace scope of the file that uses it
// (constexpr construction, no work before first use). Parameters are collected as plain Datums in the current
// memory context, so that nothing with a destructor is alive while the server runs. Rows belong to the SPI
// connection: copy what you keep.
//
//   static Statement find_flow("SELECT name FROM flowctl_catalog.flow WHERE flow_id = $1", {UUIDOID});
//   Spi spi;                                  // connects; finishes when it goes, unless an error is passing
//   Rows rows = spi.run(find_flow, Params().uuid(id));
//   if (rows.size() == 1) name = rows.text(0, 0);
//
// Where no snapshot is active, SPI takes one of its own (read-write statements).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/server/bridge.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/uuid.hpp"

namespace flowctl::pg {

class Params {
  public:
    Params& null();
    Params& boolean(bool value);
    Params& int4(std::int32_t value);
    Params& int8(std::int64_t value);
    Params& oid(Oid value);
    Params& timestamp(std::int64_t unix_micros);
    Params& text(std::optional<std::string_view> value);  // nullopt is null
    Params& uuid(const Uuid& value);
    Params& datum(Datum value);

    // Whole columns, for statements that unnest() them.
    Params& uuids(const std::vector<Uuid>& values);
    Params& int4s(const std::vector<std::int32_t>& values);
    Params& int8s(const std::vector<std::int64_t>& values);
    Params& timestamps(const std::vector<std::optional<std::int64_t>>& unix_micros);
    Params& texts(const std::vector<std::optional<std::string_view>>& values);

    std::size_t size() const { return values_.size(); }
    Datum* values() { return values_.data(); }
    const char* nulls() const { return nulls_.data(); }

  private:
    void add(Datum value, bool is_null = false) {
        values_.push_back(value);
        nulls_.push_back(is_null ? 'n' : ' ');
    }
    void add_array(Datum* values, bool* nulls, std::size_t count, Oid type);
    std::vector<Datum> values_;
    std::vector<char> nulls_;
};

class Statement {
  public:
    static constexpr std::size_t kMaxParams = 32;
    // The server would plan a statement anew at each execution where it takes that for cheaper than a plan for
    // all values of the parameters. That is wrong for one that finds a row by its key, and is planned for
    // longer than it runs. ForAll keeps one plan.
    enum class Plan { ServerChooses, ForAll };
    constexpr Statement(const char* sql, std::initializer_list<Oid> types, Plan plan = Plan::ServerChooses)
        : sql_(sql), count_(types.size()), for_all_(plan == Plan::ForAll) {
        std::size_t i = 0;
        for (Oid type : types)
            types_[i++] = type;
    }
    // Another text with the same parameters.
    Statement(const char* sql, const Statement& other) : Statement(other) {
        sql_ = sql;
        plan_ = nullptr;
    }

  private:
    friend class Spi;
    const char* sql_;
    Oid types_[kMaxParams] = {};
    std::size_t count_;
    bool for_all_;
    SPIPlanPtr plan_ = nullptr;  // kept for the life of the process
};

class Rows {
  public:
    // `numbers`: the attribute of each column, where the rows have others besides.
    Rows(SPITupleTable* table, std::uint64_t processed, const int* numbers = nullptr)
        : table_(table), processed_(processed), numbers_(numbers) {}
    std::size_t size() const { return table_ != nullptr ? table_->numvals : 0; }  // rows returned
    std::uint64_t processed() const { return processed_; }                        // rows affected
    bool is_null(std::size_t row, int column) const;
    bool boolean(std::size_t row, int column) const;
    std::int32_t int4(std::size_t row, int column) const;
    std::int64_t int8(std::size_t row, int column) const;
    Oid oid(std::size_t row, int column) const;
    Uuid uuid(std::size_t row, int column) const;
    std::int64_t timestamp(std::size_t row, int column) const;  // micros since 1970 UTC
    std::string text(std::size_t row, int column) const;        // of text or varchar; cast a name
    std::optional<std::string> optional_text(std::size_t row, int column) const;
    std::optional<std::int64_t> optional_timestamp(std::size_t row, int column) const;
    // As it is; 0 for null, so not for a type that is passed by value.
    Datum datum(std::size_t row, int column) const;

  private:
    Datum get(std::size_t row, int column, bool& is_null) const;
    SPITupleTable* table_;
    std::uint64_t processed_;
    const int* numbers_;
};

// One SPI connection, for the lifetime of the object.
class Spi {
  public:
    Spi();
    ~Spi();
    Spi(const Spi&) = delete;
    Spi& operator=(const Spi&) = delete;

    Rows run(Statement& statement, Params params = {});
    // Reads what is committed at this moment, even in a transaction that uses an older snapshot.
    Rows run_latest(Statement& statement, Params params = {});
    // A command whose text is made when it is needed (DDL), or a query that is not worth a kept plan.
    Rows command(const std::string& sql);
    // Frees the plan that is kept.
    static void forget(Statement& statement) noexcept;

  private:
    void prepare(Statement& statement, const Params& params);
    template <class Body>
    Rows collect(Body&& body);
    bool failed_ = false;  // a statement raised, so the abort of the transaction ends the connection
};

}  // namespace flowctl::pg
