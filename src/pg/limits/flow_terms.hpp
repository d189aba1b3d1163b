// What the limits of a flow let through, as the worker that admits runs needs it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/gates/admission.hpp"
#include "core/gates/names.hpp"
#include "pg/flow_options/flow_options.hpp"
#include "pg/server/spi.hpp"
#include "pg/store/limit_rows.hpp"

namespace flowctl::pg::limits {

struct FlowTerms {
    std::shared_ptr<const FlowOptions> options;  // never null
    std::string name;                            // empty: the flow is gone
    bool paused = false;
    std::vector<std::pair<std::string, gates::Terms>> named;

    const FlowOptions::Limits& limits() const { return options->limits; }
};

// The limits of flows, as they are now: what was read is kept until something about flows, limits or pauses
// has changed.
class KnownTerms {
  public:
    // In a transaction; raises.
    const FlowTerms& of(Spi& spi, const Uuid& flow_id);
    // Whether anything may have changed since this was last asked. Forgets what has been read then.
    bool changed();

  private:
    std::map<Uuid, FlowTerms> flows_;
    std::uint64_t generation_ = 0;
};

// A gate with what the tables and the view say of it.
struct NamedGate {
    Uuid id{};
    gates::Terms terms;
    std::optional<std::string> limit_name, key;
};
// The gates that a run with these keys passes.
std::vector<NamedGate> gates_of(const FlowTerms& terms, const store::WaitRow& run);

}  // namespace flowctl::pg::limits
