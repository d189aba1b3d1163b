// Compiling flow versions; see versions.hpp.
#include "pg/engine/versions.hpp"

#include <malloc.h>

#include <algorithm>

#include "core/asl/asl.hpp"
#include "pg/server/guc.hpp"
#include "pg/store/flows.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kManyKnown = 1'000;  // then those are forgotten that nobody holds any more

// What the C++ objects of this process take of memory. A compiled definition takes between 5 and 100 times
// its text, so it is measured.
std::size_t memory_in_use() noexcept {
    const struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

std::shared_ptr<const CompiledVersion> compile(Spi& spi, const Uuid& flow_id, std::int32_t number,
                                               const std::string& name) {
    auto compiled = std::make_shared<CompiledVersion>();
    compiled->flow_id = flow_id;
    compiled->name = name;
    compiled->version = number;
    const auto stored = store::find_version(spi, flow_id, number);
    if (!stored) {
        compiled->problem = "version " + std::to_string(number) + " of flow \"" + name + "\" is gone";
        return compiled;
    }
    const std::size_t before = memory_in_use();
    asl::Compiled result = asl::compile(stored->definition);
    const std::size_t after = memory_in_use();
    compiled->flow = compiled->whole = result.flow;
    compiled->bytes = std::max(stored->definition.size(), after - std::min(before, after));
    for (const asl::Finding& finding : result.findings)
        if (finding.severity == asl::Finding::Severity::Error && compiled->problem.empty())
            compiled->problem = finding.location + ": " + finding.message;
    if (stored->keep_data == "ERROR") compiled->keep_data = KeepData::Error;
    if (stored->keep_data == "NONE") compiled->keep_data = KeepData::None;
    return compiled;
}

}  // namespace

std::shared_ptr<const CompiledVersion> Versions::find(Spi& spi, const Uuid& flow_id, std::int32_t number,
                                                      const std::string& name) {
    const Key key{flow_id, number};
    std::shared_ptr<const CompiledVersion> version;
    if (const auto found = known_.find(key); found != known_.end()) version = found->second.version.lock();
    if (!version) version = compile(spi, flow_id, number, name);
    if (version->bytes > 0) keep(key, version);
    return version;
}

void Versions::keep(const Key& key, std::shared_ptr<const CompiledVersion> version) {
    if (known_.size() >= kManyKnown)
        std::erase_if(known_, [](const auto& entry) { return entry.second.version.expired(); });
    const auto [found, is_new] = known_.try_emplace(key, Known{version, kept_.end()});
    Known& known = found->second;
    known.version = version;
    if (!is_new && known.kept != kept_.end()) {
        kept_.splice(kept_.begin(), kept_, known.kept);
        return;
    }
    kept_bytes_ += version->bytes;
    kept_.emplace_front(key, std::move(version));
    known.kept = kept_.begin();
    make_room();
}

void Versions::make_room() {
    const std::size_t most = static_cast<std::size_t>(guc::definition_memory) * 1024;
    while (kept_bytes_ > most && !kept_.empty()) {
        const auto& [key, version] = kept_.back();
        kept_bytes_ -= version->bytes;
        known_.at(key).kept = kept_.end();
        kept_.pop_back();
    }
}

}  // namespace flowctl::pg
