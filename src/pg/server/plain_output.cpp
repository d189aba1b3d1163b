// Setting what output functions look at. See plain_output.hpp.
//
// A row trigger does this for each row, so the variables themselves are changed instead of the settings,
// which would cost more than the row's JSON. A cast that a user made may run meanwhile and set one of them
// for the session; a variable that no longer has our value is therefore left as it is.
#include "pg/server/plain_output.hpp"

#include <algorithm>
#include <iterator>

extern "C" {
#include "pgtime.h"
#include "utils/bytea.h"
#include "utils/float.h"
}

namespace flowctl::pg {

namespace {

pg_tz* utc() {
    static pg_tz* const zone = guarded([] {
        pg_tz* const by_name = pg_tzset("UTC");
        return by_name != nullptr ? by_name : pg_tzset_offset(0);
    });
    return zone;
}

template <class Value>
void put_back(Value& variable, Value ours, Value before) {
    if (variable == ours) variable = before;
}

constexpr int kFloatDigits = 1;

// Whether one of the columns has such a type.
template <std::size_t Count>
bool has_any(TupleDesc rows, const Oid (&types)[Count]) {
    for (int i = 0; i < rows->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(rows, i);
        if (std::find(std::begin(types), std::end(types), column->atttypid) != std::end(types)) return true;
    }
    return false;
}

// Types whose values are written with a schema where search_path does not find the object.
constexpr Oid kObjectNames[] = {REGCLASSOID,      REGPROCOID,       REGPROCEDUREOID,
                                REGOPEROID,       REGOPERATOROID,   REGTYPEOID,
                                REGCOLLATIONOID,  REGCONFIGOID,     REGDICTIONARYOID,
                                REGCLASSARRAYOID, REGTYPEARRAYOID,  REGPROCEDUREARRAYOID};
constexpr Oid kMoney[] = {MONEYOID, MONEYARRAYOID};

}  // namespace

PlainOutput::PlainOutput(TupleDesc rows)
    : bytea_(bytea_output),
      float_digits_(extra_float_digits),
      interval_style_(IntervalStyle),
      date_style_(DateStyle),
      quotes_all_(quote_all_identifiers),
      zone_(session_timezone) {
    pg_tz* const plain_zone = utc();
    const bool names = has_any(rows, kObjectNames), money = has_any(rows, kMoney);
    if (names || money)
        guarded([&] {
            level_ = NewGUCNestLevel();
            const auto set = [](const char* name, const char* value) {
                (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                                        false);
            };
            if (names) set("search_path", "pg_catalog, pg_temp");
            if (money) set("lc_monetary", "C");
        });
    bytea_output = BYTEA_OUTPUT_HEX;
    extra_float_digits = std::max(float_digits_, kFloatDigits);
    IntervalStyle = INTSTYLE_POSTGRES;
    DateStyle = USE_ISO_DATES;
    quote_all_identifiers = false;
    session_timezone = plain_zone;
}

PlainOutput::~PlainOutput() {
    put_back(bytea_output, static_cast<int>(BYTEA_OUTPUT_HEX), bytea_);
    put_back(extra_float_digits, std::max(float_digits_, kFloatDigits), float_digits_);
    put_back(IntervalStyle, INTSTYLE_POSTGRES, interval_style_);
    put_back(DateStyle, USE_ISO_DATES, date_style_);
    put_back(quote_all_identifiers, false, quotes_all_);
    put_back(session_timezone, utc(), zone_);
    if (level_ != 0) AtEOXact_GUC(true, level_);
}

}  // namespace flowctl::pg
