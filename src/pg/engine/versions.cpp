// Compiling flow versions; see versions.hpp.
#include "pg/engine/versions.hpp"

#include "core/asl/asl.hpp"
#include "pg/store/flows.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMaxVersions = 1'000;

}  // namespace

std::shared_ptr<const CompiledVersion> Versions::find(Spi& spi, const Uuid& flow_id, std::int32_t number,
                                                      const std::string& name) {
    const auto key = std::make_pair(flow_id, number);
    if (const auto found = versions_.find(key); found != versions_.end()) return found->second;
    auto compiled = std::make_shared<CompiledVersion>();
    compiled->flow_id = flow_id;
    compiled->name = name;
    compiled->version = number;
    if (const auto stored = store::find_version(spi, flow_id, number)) {
        asl::Compiled result = asl::compile(stored->definition);
        compiled->flow = compiled->whole = result.flow;
        for (const asl::Finding& finding : result.findings)
            if (finding.severity == asl::Finding::Severity::Error && compiled->problem.empty())
                compiled->problem = finding.location + ": " + finding.message;
        if (stored->keep_data == "ERROR") compiled->keep_data = KeepData::Error;
        if (stored->keep_data == "NONE") compiled->keep_data = KeepData::None;
    } else {
        compiled->problem = "version " + std::to_string(number) + " of flow \"" + name + "\" is gone";
        return compiled;
    }
    if (versions_.size() >= kMaxVersions) versions_.clear();
    return versions_[key] = compiled;
}

}  // namespace flowctl::pg
