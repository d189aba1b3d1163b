// Compiling flow versions; see versions.hpp.
#include "pg/engine/versions.hpp"

#include <malloc.h>

#include <algorithm>
#include <iterator>

#include "core/asl/asl.hpp"
#include "pg/evaluation/suspects.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"
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

constexpr std::int64_t kAtOnceMicros = 20'000;  // of a turn, for versions that are asked for
constexpr std::int64_t kSliceMicros = 10'000;
constexpr std::size_t kMostCompiling = 16;  // definitions, which may be large
constexpr std::size_t kMostOfOwner = 4;
constexpr std::int64_t kKeepDoneMicros = 10'000'000;

// What is known of the version beside its definition; null: it is gone.
std::shared_ptr<CompiledVersion> read(Spi& spi, const Versions::Wanted& wanted, std::string& definition) {
    auto version = std::make_shared<CompiledVersion>();
    version->flow_id = wanted.flow_id;
    version->name = wanted.name;
    version->version = wanted.number;
    auto stored = store::find_version(spi, wanted.flow_id, wanted.number);
    if (!stored) {
        version->problem =
            "version " + std::to_string(wanted.number) + " of flow \"" + wanted.name + "\" is gone";
        return version;
    }
    version->options = stored->options;
    version->bytes = stored->definition.size();
    definition = std::move(stored->definition);
    return version;
}

void compile(const std::string& definition, CompiledVersion& version) {
    asl::Compiled result = asl::compile(definition);
    version.flow = version.whole = result.flow;
    for (const asl::Finding& finding : result.findings)
        if (finding.severity == asl::Finding::Severity::Error && version.problem.empty())
            version.problem = finding.location + ": " + finding.message;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- finding

std::shared_ptr<const CompiledVersion> Versions::known(const Key& key) {
    const auto found = known_.find(key);
    std::shared_ptr<const CompiledVersion> version;
    if (found != known_.end()) version = found->second.version.lock();
    if (version) keep(key, version);
    return version;
}

std::shared_ptr<const CompiledVersion> Versions::find(Spi& spi, const Wanted& wanted) {
    const Key key{wanted.flow_id, wanted.number};
    if (auto version = known(key)) return version;
    auto compiling = std::find_if(compiling_.begin(), compiling_.end(),
                                  [&key](const Compiling& one) { return one.key == key; });
    if (compiling == compiling_.end()) {
        if (!has_room(wanted.owner)) return nullptr;
        begin(spi, wanted);
        compiling = std::prev(compiling_.end());
        if (!compiling->is_done && at_once_ > 0) {
            go_on(*compiling, at_once_);
            at_once_ -= compiling->work->used_micros();
        }
    }
    return compiling->is_done ? take(compiling) : nullptr;
}

std::shared_ptr<const CompiledVersion> Versions::find_now(Spi& spi, const Wanted& wanted) {
    const Key key{wanted.flow_id, wanted.number};
    if (auto version = known(key)) return version;
    std::string definition;
    std::shared_ptr<CompiledVersion> version = read(spi, wanted, definition);
    const std::size_t before = memory_in_use();
    if (version->problem.empty()) compile(definition, *version);
    version->bytes = std::max(version->bytes, memory_in_use() - std::min(before, memory_in_use()));
    if (version->bytes > 0) keep(key, version);
    return version;
}

// ---------------------------------------------------------------------------------------------- compiling

bool Versions::has_room(Oid owner) {
    const std::int64_t now = unix_micros_now();
    std::erase_if(compiling_, [now](const Compiling& one) {
        return one.is_done && (one.done_at > now || one.done_at + kKeepDoneMicros < now);
    });
    const auto of_owner = std::count_if(compiling_.begin(), compiling_.end(),
                                        [owner](const Compiling& one) { return one.owner == owner; });
    return compiling_.size() < kMostCompiling && static_cast<std::size_t>(of_owner) < kMostOfOwner;
}

Versions::Compiling* Versions::begin(Spi& spi, const Wanted& wanted) {
    std::string definition;
    std::shared_ptr<CompiledVersion> version = read(spi, wanted, definition);
    Compiling& compiling = compiling_.emplace_back();
    compiling.key = {wanted.flow_id, wanted.number};
    compiling.owner = wanted.owner;
    compiling.run = wanted.run;
    compiling.definition = std::move(definition);
    compiling.version = std::move(version);
    compiling.is_done = !compiling.version->problem.empty();
    compiling.done_at = unix_micros_now();
    compiling.work =
        std::make_unique<Sliced>([&compiling] { compile(compiling.definition, *compiling.version); });
    return &compiling;
}

void Versions::go_on(Compiling& compiling, std::int64_t micros) {
    suspects::mark(compiling.run);
    const suspects::Marking marking;
    const std::size_t before = memory_in_use();
    try {
        const bool is_over = compiling.work->go_on(micros);
        compiling.taken += static_cast<std::int64_t>(memory_in_use()) - static_cast<std::int64_t>(before);
        if (!is_over) return;
    } catch (const std::exception& error) {
        compiling.version->flow = compiling.version->whole = nullptr;
        compiling.version->problem = error.what();
    }
    compiling.version->bytes = std::max<std::size_t>(
        compiling.version->bytes, static_cast<std::size_t>(std::max<std::int64_t>(compiling.taken, 0)));
    compiling.is_done = true;
    compiling.done_at = unix_micros_now();
}

std::shared_ptr<const CompiledVersion> Versions::take(std::list<Compiling>::iterator done) {
    std::shared_ptr<const CompiledVersion> version = std::move(done->version);
    const Key key = done->key;
    compiling_.erase(done);
    if (version->bytes > 0) keep(key, version);
    return version;
}

bool Versions::work() {
    at_once_ = kAtOnceMicros;
    Compiling* next = nullptr;
    for (Compiling& one : compiling_)
        if (!one.is_done && (next == nullptr || one.work->used_micros() < next->work->used_micros()))
            next = &one;
    if (next != nullptr) go_on(*next, kSliceMicros);
    return next != nullptr;
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
