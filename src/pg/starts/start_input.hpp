// The input of a start as a value. It is parsed once, when somebody asks for it first.
#pragma once

#include <optional>
#include <utility>

#include "core/json.hpp"
#include "pg/starts/start.hpp"

namespace flowctl::pg {

class StartInput {
  public:
    explicit StartInput(const StartRequest& request) : request_(request) {}

    const json::Value& value() {
        if (request_.input_value) return *request_.input_value;
        if (!parsed_) {
            json::ParseLimits limits;
            limits.max_bytes = request_.input.size() + 1;
            auto parsed = json::parse(request_.input, limits);
            parsed_ = parsed ? std::move(parsed).value() : json::Value();
        }
        return *parsed_;
    }

  private:
    const StartRequest& request_;
    std::optional<json::Value> parsed_;
};

}  // namespace flowctl::pg
