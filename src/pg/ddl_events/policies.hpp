// Events policy.created, policy.altered, policy.dropped and label.changed.
#pragma once

#include "pg/ddl_events/command_report.hpp"

namespace flowctl::pg::ddl_events {

void report_policies(const Observed& command);
void report_labels(const Observed& command);

}  // namespace flowctl::pg::ddl_events
