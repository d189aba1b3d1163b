// Calls of functions in an executor. See step_calls.hpp.
#include "pg/sql_steps/step_calls.hpp"

#include <cstring>

#include "core/json.hpp"
#include "pg/server/acting_role.hpp"

namespace flowctl::pg {

namespace {

// More functions than that are forgotten all at once.
constexpr std::size_t kMostKnown = 1'000;
constexpr std::size_t kMostBytes = 4'000;  // of a field of an error

std::uint64_t changes = 1;  // of functions, schemas and types
void on_change(Datum, int, uint32) noexcept {
    changes++;
}

json::Value field(const char* text) {
    if (text == nullptr) return {};
    return json::Value::string(first_bytes(text, kMostBytes));
}

std::string sqlstate_name(int sqlstate) {
    return std::string("SQL.") + guarded([&] { return unpack_sql_state(sqlstate); });
}

}  // namespace

StepFailure failure_of(const ErrorData& error) {
    json::ObjectBuilder cause;
    cause.add("message", field(error.message))
        .add("detail", field(error.detail))
        .add("hint", field(error.hint))
        .add("schema", field(error.schema_name))
        .add("table", field(error.table_name))
        .add("constraint", field(error.constraint_name));
    return {sqlstate_name(error.sqlerrcode), json::dump(cause.build())};
}

StepFailure failure_of(const StepProblem& problem) {
    ErrorData error{};
    std::string message = problem.message, hint = problem.hint;
    error.sqlerrcode = problem.sqlstate;
    error.message = message.data();
    if (!hint.empty()) error.hint = hint.data();
    return failure_of(error);
}

StepCalls::StepCalls() {
    guarded([] {
        for (const int cache : {PROCOID, NAMESPACEOID, TYPEOID})
            CacheRegisterSyscacheCallback(cache, on_change, 0);
    });
}

// Plans are kept right by the server; they are forgotten because functions may have gone.
void StepCalls::forget_if_changed() {
    guarded([] { AcceptInvalidationMessages(); });
    if (seen_ == changes && functions_.size() <= kMostKnown && plans_.size() <= kMostKnown) return;
    seen_ = changes;
    functions_.clear();
    for (auto& [key, plan] : plans_) {
        SPIPlanPtr const kept = plan;
        guarded([&] { SPI_freeplan(kept); });
    }
    plans_.clear();
}

const std::vector<StepFunction>& StepCalls::functions(const std::string& name) {
    forget_if_changed();
    const auto known = functions_.find(name);
    if (known != functions_.end()) return known->second;
    std::vector<StepFunction> found;
    if (const auto parts = function_name(name)) {
        const AsExtensionOwner owner;
        Spi spi;
        found = find_functions(spi, *parts);
    }
    return functions_.emplace(name, std::move(found)).first->second;
}

std::string StepCalls::call(const StepFunction& function, const MemberNames& members, const std::string& input) {
    guarded([] {
        if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
    });
    SPIPlanPtr& plan = plans_[{function.oid, function.takes_whole_input ? MemberNames() : members}];
    if (plan == nullptr) {
        const std::string text = call_statement(function, members);
        const char* const statement = text.c_str();
        plan = guarded([&] {
            Oid type = TEXTOID;
            SPIPlanPtr made = SPI_prepare(statement, 1, &type);
            if (made == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
            if (SPI_keepplan(made) != 0) elog(ERROR, "SPI_keepplan failed");
            return made;
        });
    }
    SPIPlanPtr const kept = plan;
    const char* const bytes = input.data();
    const int size = static_cast<int>(input.size());
    const bool is_void = function.result == StepFunction::Result::Void;
    const auto* result = guarded([&]() -> const text* {
        Datum argument = PointerGetDatum(cstring_to_text_with_len(bytes, size));
        const int code = SPI_execute_plan(kept, &argument, nullptr, false, 0);
        if (code < 0) elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(code));
        if (is_void || SPI_processed != 1) return nullptr;
        bool is_null = true;
        const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
        return is_null ? nullptr : DatumGetTextPP(value);
    });
    std::string text;
    if (result != nullptr) text.assign(VARDATA_ANY(result), VARSIZE_ANY_EXHDR(result));
    guarded([] { SPI_finish(); });
    return text;
}

}  // namespace flowctl::pg
