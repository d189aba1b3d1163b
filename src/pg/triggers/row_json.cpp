// Implementation of row_json.hpp. What is written here is what row_to_json() would write, byte for byte.
#include "pg/triggers/row_json.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "core/json.hpp"
#include "pg/server/plain_output.hpp"
#include "pg/server/quoting.hpp"

extern "C" {
#include "common/jsonapi.h"
#include "utils/datetime.h"
}

namespace flowctl::pg {

struct RowJson::Known {
    Oid type;
    Form form;
    Oid output;           // InvalidOid where the form needs no function
    bool is_always_fit;  // in a database whose encoding is UTF-8
};

const RowJson::Known* RowJson::find_known(Oid type) {
    static constexpr Known kTypes[] = {
        {INT4OID, Form::Int4, InvalidOid, true},
        {INT8OID, Form::Int8, InvalidOid, true},
        {TEXTOID, Form::Text, InvalidOid, true},
        {VARCHAROID, Form::Text, InvalidOid, true},
        {TIMESTAMPTZOID, Form::Instant, InvalidOid, true},
        {NUMERICOID, Form::Number, F_NUMERIC_OUT, false},
        {BOOLOID, Form::Bool, InvalidOid, true},
        {JSONBOID, Form::Json, F_JSONB_OUT, false},
        {UUIDOID, Form::Uuid, InvalidOid, true},
        {DATEOID, Form::Instant, InvalidOid, true},
        {TIMESTAMPOID, Form::Instant, InvalidOid, true},
        {JSONOID, Form::Json, F_JSON_OUT, false},
        {INT2OID, Form::Int2, InvalidOid, true},
        {FLOAT8OID, Form::Number, F_FLOAT8OUT, true},
        {FLOAT4OID, Form::Number, F_FLOAT4OUT, true},
        {BPCHAROID, Form::Text, InvalidOid, true},
        {TIMEOID, Form::Quoted, F_TIME_OUT, true},
        {BYTEAOID, Form::Quoted, F_BYTEAOUT, true},
        {OIDOID, Form::Quoted, F_OIDOUT, true},
        {NAMEOID, Form::Quoted, F_NAMEOUT, true},
    };
    const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                     [type](const Known& known) { return known.type == type; });
    return found == std::end(kTypes) ? nullptr : found;
}

namespace {

void append_quoted(const char* text, std::size_t size, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    const char* rest = text;
    const char* const end = text + size;
    for (const char* at = text; at != end; at++) {
        const auto c = static_cast<unsigned char>(*at);
        if (c >= ' ' && c != '"' && c != '\\') continue;
        out.append(rest, at);
        rest = at + 1;
        out += '\\';
        switch (c) {
            case '\b': out += 'b'; break;
            case '\f': out += 'f'; break;
            case '\n': out += 'n'; break;
            case '\r': out += 'r'; break;
            case '\t': out += 't'; break;
            case '"':
            case '\\': out += static_cast<char>(c); break;
            default: out.append("u00").append(1, kHex[c >> 4]).append(1, kHex[c & 15]); break;
        }
    }
    out.append(rest, end);
    out += '"';
}

template <class Integer>
void append_integer(Integer value, std::string& out) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

void append_uuid(const pg_uuid_t& uuid, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    char text[UUID_LEN * 2 + 6];
    char* at = text;
    *at++ = '"';
    for (int i = 0; i < UUID_LEN; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = kHex[uuid.data[i] >> 4];
        *at++ = kHex[uuid.data[i] & 15];
    }
    *at++ = '"';
    out.append(text, at);
}

std::string key_of(Form_pg_attribute column) {
    std::string key;
    append_quoted(NameStr(column->attname), strlen(NameStr(column->attname)), key);
    key += ':';
    return key;
}

bool is_chosen(const std::optional<ColumnChoice>& choice, std::string_view name) {
    if (!choice) return true;
    const bool is_named = std::find(choice->names.begin(), choice->names.end(), name) != choice->names.end();
    return is_named != choice->all_but_these;
}

// A column that was renamed must not come back into the input because `except` has its old name.
void require_columns(Relation table, const std::optional<ColumnChoice>& choice) {
    if (!choice) return;
    TupleDesc shape = RelationGetDescr(table);
    for (const std::string& name : choice->names) {
        bool exists = false;
        for (int i = 0; i < shape->natts && !exists; i++)
            exists = !TupleDescAttr(shape, i)->attisdropped && name == NameStr(TupleDescAttr(shape, i)->attname);
        if (!exists)
            throw UserError(ERRCODE_UNDEFINED_COLUMN,
                            "table " + in_quotes(RelationGetRelationName(table)) + " has no column " +
                                in_quotes(shortened_name(name)) + ", which a trigger names that starts a flow",
                            std::string("Create the trigger again with the names that the columns have in its option ") +
                                (choice->all_but_these ? "'except'." : "'columns'."));
    }
}

}  // namespace

RowJson::RowJson(Relation table, const std::optional<ColumnChoice>& choice, MemoryContext memory)
    : shape_(RelationGetDescr(table)) {
    require_columns(table, choice);
    if (GetDatabaseEncoding() != PG_UTF8) is_always_fit_ = false;
    for (int i = 0; i < shape_->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(shape_, i);
        if (attribute->attisdropped || !is_chosen(choice, NameStr(attribute->attname))) continue;
        Column column{i, attribute->atttypid, Form::Quoted, key_of(attribute), {}};
        const Known* known = find_known(column.type);
        if (known == nullptr) {
            is_always_fit_ = false;
            column.type = guarded([&] { return getBaseType(column.type); });
            known = find_known(column.type);
        }
        if (known == nullptr) {
            is_plain_ = false;
        } else {
            column.form = known->form;
            is_always_fit_ = is_always_fit_ && known->is_always_fit;
            if (OidIsValid(known->output))
                guarded([&] { fmgr_info_cxt(known->output, &column.output, memory); });
        }
        columns_.push_back(std::move(column));
    }
    if (is_plain_ || !choice) return;
    guarded([&] {
        MemoryContext caller = MemoryContextSwitchTo(memory);
        chosen_ = CreateTemplateTupleDesc(static_cast<int>(columns_.size()));
        for (std::size_t i = 0; i < columns_.size(); i++)
            TupleDescCopyEntry(chosen_, static_cast<AttrNumber>(i + 1), shape_,
                               static_cast<AttrNumber>(columns_[i].at + 1));
        chosen_ = BlessTupleDesc(chosen_);
        MemoryContextSwitchTo(caller);
    });
}

void RowJson::append(TupleTableSlot* row, std::string& out) const {
    const PlainOutput plain(shape_);
    is_plain_ ? append_plain(row, out) : append_by_server(row, out);
}

void RowJson::append_plain(TupleTableSlot* row, std::string& out) const {
    guarded([&] {
        slot_getallattrs(row);
        char before = '{';
        for (const Column& column : columns_) {
            out += before;
            before = ',';
            out += column.key;
            if (row->tts_isnull[column.at])
                out += "null";
            else
                append_value(column, row->tts_values[column.at], out);
        }
        if (columns_.empty()) out += '{';
        out += '}';
    });
}

// Within guarded().
void RowJson::append_value(const Column& column, Datum value, std::string& out) {
    switch (column.form) {
        case Form::Bool:
            out += DatumGetBool(value) ? "true" : "false";
            return;
        case Form::Int2:
            return append_integer(DatumGetInt16(value), out);
        case Form::Int4:
            return append_integer(DatumGetInt32(value), out);
        case Form::Int8:
            return append_integer(DatumGetInt64(value), out);
        case Form::Text: {
            varlena* const text = PG_DETOAST_DATUM_PACKED(value);
            return append_quoted(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text), out);
        }
        case Form::Uuid:
            return append_uuid(*DatumGetUUIDP(value), out);
        case Form::Instant: {
            char text[MAXDATELEN + 1];
            JsonEncodeDateTime(text, value, column.type, nullptr);
            out.append(1, '"').append(text).append(1, '"');
            return;
        }
        case Form::Number:
        case Form::Json:
        case Form::Quoted:
            break;
    }
    const char* const text = OutputFunctionCall(const_cast<FmgrInfo*>(&column.output), value);
    const std::size_t size = strlen(text);
    const bool as_it_is =
        column.form == Form::Json ||
        (column.form == Form::Number && IsValidJsonNumber(text, static_cast<int>(size)));
    if (as_it_is)
        out.append(text, size);
    else
        append_quoted(text, size, out);
}

void RowJson::append_by_server(TupleTableSlot* row, std::string& out) const {
    varlena* json = guarded([&] {
        Datum value;
        if (chosen_ == nullptr) {
            value = ExecFetchSlotHeapTupleDatum(row);
        } else {
            slot_getallattrs(row);
            const std::size_t count = columns_.size();
            auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
            auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * (count + 1)));
            for (std::size_t i = 0; i < count; i++) {
                values[i] = row->tts_values[columns_[i].at];
                nulls[i] = row->tts_isnull[columns_[i].at];
            }
            value = HeapTupleGetDatum(heap_form_tuple(chosen_, values, nulls));
        }
        return DatumGetTextPP(OidFunctionCall1(F_ROW_TO_JSON_RECORD, value));
    });
    out.append(VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json));
}

}  // namespace flowctl::pg
