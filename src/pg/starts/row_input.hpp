// What a changed row tells the run that it starts: the input, in the shape that Debezium uses, and the event,
// a CloudEvents 1.0 envelope.
#pragma once

#include <string>

#include "pg/server/uuid.hpp"

namespace flowctl::pg {

struct RowInput {
    std::string input;  // JSON text
    bool input_is_fit;  // no value of these columns' types can make a text that cannot be kept
    std::string event;  // JSON text
};

// Runs as the current user, because row_to_json runs casts that users made. Raises what they raise.
RowInput row_input(const TriggerData& data, const Uuid& run_id);

}  // namespace flowctl::pg
