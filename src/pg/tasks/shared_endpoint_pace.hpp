// The lanes' view of what all workers know of an endpoint (shared/endpoint_pace.hpp).
#pragma once

#include <string>

#include "pg/server/timestamps.hpp"
#include "pg/shared/endpoint_pace.hpp"
#include "pg/tasks/call_lanes.hpp"

namespace flowctl::pg {

class SharedEndpointPace final : public EndpointPace {
  public:
    EndpointRoom room(const std::string& endpoint, const EndpointLimits& limits) const override {
        return endpoint_pace::room(endpoint, limits, unix_micros_now());
    }
    void begin(const std::string& endpoint, const EndpointLimits& limits) override {
        endpoint_pace::begin(endpoint, limits, unix_micros_now());
    }
    void end(const std::string& endpoint) override { endpoint_pace::end(endpoint); }
};

}  // namespace flowctl::pg
