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
#include "utils/lsyscache.h"
#include "utils/typcache.h"
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

// Types whose values are written with a schema where search_path does not find the object.
constexpr Oid kObjectNames[] = {REGCLASSOID,     REGPROCOID,     REGPROCEDUREOID,
                                REGOPEROID,      REGOPERATOROID, REGTYPEOID,
                                REGCOLLATIONOID, REGCONFIGOID,   REGDICTIONARYOID};

struct Holds {
    bool names = false;  // of objects
    bool money = false;
};

constexpr int kMaxNesting = 64;  // of types; the server lets nobody nest them without end

void look_into(Oid type, Holds& holds, int nesting);

void look_into(TupleDesc rows, Holds& holds, int nesting) {
    for (int i = 0; i < rows->natts; i++)
        if (!TupleDescAttr(rows, i)->attisdropped)
            look_into(TupleDescAttr(rows, i)->atttypid, holds, nesting);
}

// A value of one of these types may also stand in an array, a range, a domain or a row.
void look_into(Oid type, Holds& holds, int nesting) {
    if (std::find(std::begin(kObjectNames), std::end(kObjectNames), type) != std::end(kObjectNames))
        holds.names = true;
    if (type == MONEYOID) holds.money = true;
    if (nesting == kMaxNesting) return;
    if (const Oid element = get_element_type(type); OidIsValid(element))
        return look_into(element, holds, nesting + 1);
    switch (get_typtype(type)) {
        case TYPTYPE_DOMAIN:
            return look_into(getBaseType(type), holds, nesting + 1);
        case TYPTYPE_RANGE:
            return look_into(get_range_subtype(type), holds, nesting + 1);
        case TYPTYPE_MULTIRANGE:
            return look_into(get_multirange_range(type), holds, nesting + 1);
        case TYPTYPE_COMPOSITE: {
            TupleDesc const row = lookup_rowtype_tupdesc_copy(type, -1);
            look_into(row, holds, nesting + 1);
            FreeTupleDesc(row);
            return;
        }
        default:
            return;
    }
}

// The types of most columns, which hold no values of other types.
bool is_simple(Oid type) {
    static constexpr Oid kTypes[] = {BOOLOID,     INT2OID,  INT4OID,    INT8OID,       OIDOID,   FLOAT4OID,
                                     FLOAT8OID,   TEXTOID,  UUIDOID,    DATEOID,       TIMEOID,  VARCHAROID,
                                     BPCHAROID,   BYTEAOID, NUMERICOID, JSONOID,       JSONBOID, TIMESTAMPOID,
                                     INTERVALOID, INETOID,  NAMEOID,    TIMESTAMPTZOID};
    return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

Holds held_by(TupleDesc rows) {
    Holds holds;
    for (int i = 0; i < rows->natts; i++)
        if (!is_simple(TupleDescAttr(rows, i)->atttypid)) {
            guarded([&] { look_into(rows, holds, 0); });
            break;
        }
    return holds;
}

}  // namespace

PlainOutput::PlainOutput(TupleDesc rows)
    : bytea_(bytea_output),
      float_digits_(extra_float_digits),
      interval_style_(IntervalStyle),
      date_style_(DateStyle),
      quotes_all_(quote_all_identifiers),
      zone_(session_timezone) {
    pg_tz* const plain_zone = utc();
    const Holds holds = held_by(rows);
    if (holds.names || holds.money)
        guarded([&] {
            level_ = NewGUCNestLevel();
            const auto set = [](const char* name, const char* value) {
                (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                                        false);
            };
            if (holds.names) set("search_path", "pg_catalog, pg_temp");
            if (holds.money) set("lc_monetary", "C");
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
