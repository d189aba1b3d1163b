// Output functions follow settings of the session, but a row must read the same whoever writes it.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

// While it lives, output functions write the values of such rows in the one form that payloads have: times in
// ISO 8601 with the offset of UTC, bytea in hex, floating-point numbers exactly, names of objects with their
// schema and quoted only where they must be, money as in the locale C. Errors within must come as exceptions
// (guarded), since the destructor puts the session's values back.
class PlainOutput {
  public:
    explicit PlainOutput(TupleDesc rows);
    ~PlainOutput();
    PlainOutput(const PlainOutput&) = delete;
    PlainOutput& operator=(const PlainOutput&) = delete;

  private:
    // What the session had.
    int bytea_, float_digits_, interval_style_, date_style_;
    bool quotes_all_;
    pg_tz* zone_;
    int level_ = 0;  // of the settings that are set for some types only
};

}  // namespace flowctl::pg
