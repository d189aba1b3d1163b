// A row of a set-returning function, put together column by column. To be used within guarded().
#pragma once

#include <cstdint>

#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

template <int Columns>
class ViewRow {
  public:
    ViewRow& put(Datum value) {
        values_[count_++] = value;
        return *this;
    }
    ViewRow& put_null() {
        nulls_[count_] = true;
        return put(Datum(0));
    }
    // Empty text is null.
    ViewRow& put_text(const char* text) {
        nulls_[count_] = *text == '\0';
        return put(CStringGetTextDatum(text));
    }
    // Microseconds since 1970 UTC; 0 is null.
    ViewRow& put_time(std::int64_t unix_micros) {
        nulls_[count_] = unix_micros == 0;
        return put(TimestampTzGetDatum(to_timestamp(unix_micros)));
    }
    void store(const ReturnSetInfo& result) {
        tuplestore_putvalues(result.setResult, result.setDesc, values_, nulls_);
    }

  private:
    Datum values_[Columns] = {};
    bool nulls_[Columns] = {};
    int count_ = 0;
};

}  // namespace flowctl::pg
