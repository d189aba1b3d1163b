// See approval_events.hpp.
#include "pg/approvals/approval_events.hpp"

#include <utility>

#include "pg/events/record.hpp"

namespace flowctl::pg::approvals {

void record_event(const char* type, const Uuid& approval, std::string data, const Uuid& run, Oid flow_owner) {
    events::Event event;
    event.type = type;
    event.subject = to_string(approval);
    event.data = std::move(data);
    event.reader = flow_owner;
    event.run = run;
    events::record(event);
}

}  // namespace flowctl::pg::approvals
