// Definitions of schedules. See schedule_definition.hpp.
#include "pg/schedules/schedule_definition.hpp"

#include <algorithm>

#include "pg/schedules/server_zone.hpp"
#include "pg/server/quoting.hpp"

namespace flowctl::pg::schedules {

namespace {

constexpr std::int64_t kSecond = 1'000'000;

std::int64_t floor_seconds(std::int64_t micros) {
    return micros / kSecond - (micros % kSecond < 0 ? 1 : 0);
}

}  // namespace

schedule::CatchUp Definition::catch_up_mode() const {
    if (catch_up == "all") return schedule::CatchUp::All;
    return catch_up == "last" ? schedule::CatchUp::Last : schedule::CatchUp::None;
}

Overlap Definition::overlap_mode() const {
    if (overlap == "skip") return Overlap::Skip;
    if (overlap == "queue") return Overlap::Queue;
    return overlap == "replace" ? Overlap::Replace : Overlap::Allow;
}

Definition read_definition(const Rows& rows, std::size_t row, int first_column) {
    int column = first_column;
    Definition one;
    one.id = rows.uuid(row, column++);
    one.name = rows.text(row, column++);
    one.owner = rows.oid(row, column++);
    one.flow = rows.text(row, column++);
    one.text = rows.text(row, column++);
    one.input = rows.text(row, column++);
    one.time_zone = rows.text(row, column++);
    one.anchor = rows.timestamp(row, column++);
    one.starts_at = rows.optional_timestamp(row, column++);
    one.ends_at = rows.optional_timestamp(row, column++);
    one.catch_up = rows.text(row, column++);
    one.overlap = rows.text(row, column++);
    one.jitter = rows.int8(row, column++);
    one.pause_on_failure = rows.boolean(row, column++);
    one.comment = rows.optional_text(row, column++);
    one.revision = rows.int4(row, column++);
    one.paused = rows.boolean(row, column++);
    return one;
}

schedule::Schedule read_schedule(const std::string& text) {
    auto schedule = schedule::parse(text);
    if (schedule) return std::move(schedule).value();
    throw UserError(ERRCODE_INVALID_PARAMETER_VALUE,
                    "invalid schedule " + in_quotes(shortened_name(text)) + ": " + schedule.error().message,
                    schedule.error().hint);
}

Timing timing_of(const Definition& definition) {
    Timing timing;
    timing.terms.schedule = read_schedule(definition.text);
    timing.terms.anchor = floor_seconds(definition.anchor);
    timing.terms.starts = definition.starts_at ? -floor_seconds(-*definition.starts_at) : 0;
    timing.terms.ends = definition.ends_at ? floor_seconds(*definition.ends_at) : schedule::kNever;
    timing.zone = &require_zone(definition.time_zone);
    std::copy(definition.id.begin(), definition.id.end(), timing.jitter.seed.begin());
    timing.jitter.most = definition.jitter;
    return timing;
}

}  // namespace flowctl::pg::schedules
