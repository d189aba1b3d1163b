// The runs that wait for an evaluation, and the copies that are at work; see evaluations.hpp.
#include "pg/engine/evaluations.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/machine/frame.hpp"
#include "pg/engine/machine_limits.hpp"
#include "pg/evaluation/watch.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kCopiesAtOnce = 4;  // copies of this worker
static_assert(kCopiesAtOnce <= suspects::kCopies);
constexpr std::size_t kCopiesOfOwner = 2;  // copies for runs of one owner
// If an owner's line is this long, no fresh run of this owner begins, because each waiting run takes memory.
constexpr std::size_t kLongLine = 10'000;
constexpr int kMaxInterrupted = 3;
constexpr int kMaxFailures = 3;
constexpr std::int64_t kSlowFor = 60'000'000;
constexpr std::size_t kMaxSlow = 1'000;
// Making a copy takes about as long as this. When a copy needed less, the version's runs are evaluated in the
// loop again.
constexpr std::int64_t kNotSlow = watch::kMicros / 4;
constexpr std::int64_t kTryAgain = 1'000'000;
constexpr std::int64_t kReadMicros = 10'000;
// The limit of a copy is in processor time, since its outcome must not depend on how busy the machine is. The
// time by the clock is limited as well, to a multiple of it, so that no copy waits for the processor without
// end.
constexpr std::int64_t kWallFactor = 10;
constexpr std::int64_t kWallMicros = 10'000'000;
constexpr std::size_t kMemory = std::size_t{1} << 30;
constexpr std::size_t kMaxOutcomeBytes = 64 * 1024 * 1024;

std::string time_limit() {
    return "flowctl.evaluation_timeout (" + std::to_string(guc::evaluation_timeout) + " ms)";
}
constexpr const char* kWhatToDo =
    " Let the state compute less, or let an administrator raise flowctl.evaluation_timeout.";

const char* name_of(const machine::Event& event) {
    static constexpr const char* kNames[] = {"the start of the run",
                                             "the success of a task",
                                             "the failure of a task",
                                             "the progress of a task",
                                             "the start of an activity's task",
                                             "the heartbeat of a task",
                                             "the end of a map run",
                                             "a time that has been reached",
                                             "the request to stop the run",
                                             "a failure of the engine",
                                             "the redrive of the run",
                                             "the request to pause the run",
                                             "the request to go on with the run",
                                             "the loading of the run"};
    static_assert(std::size(kNames) == std::variant_size_v<machine::Event>);
    return kNames[event.index()];
}

}  // namespace

bool is_same(const machine::Event& one, const machine::Event& other) {
    if (one.index() != other.index()) return false;
    return std::visit(
        [&other](const auto& event) {
            using Kind = std::decay_t<decltype(event)>;
            const Kind& that = std::get<Kind>(other);
            if constexpr (requires { event.call; }) {
                if (event.call != that.call) return false;
            }
            if constexpr (requires { event.map_run; }) {
                if (event.map_run != that.map_run) return false;
            }
            if constexpr (requires { *event.error; }) {
                return event.error == that.error && event.cause == that.cause;
            } else if constexpr (requires { event.error; }) {
                return event.error == that.error && event.cause == that.cause;
            }
            return true;
        },
        one);
}

Evaluations::Evaluations(LiveRuns& live, Intake& intake)
    : live_(live), intake_(intake), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Evaluations::~Evaluations() {
    if (epoll_ >= 0) close(epoll_);
}

// ---------------------------------------------------------------------------------------------- entries

Evaluations::Entry* Evaluations::find(const Uuid& run) const {
    if (entries_.empty()) return nullptr;
    const auto found = entries_.find(run);
    return found == entries_.end() ? nullptr : found->second.get();
}

Evaluations::Entry& Evaluations::enter(const Uuid& run, Oid owner) {
    std::unique_ptr<Entry>& entry = entries_[run];
    if (!entry) {
        entry = std::make_unique<Entry>();
        entry->owner = owner;
    }
    return *entry;
}

void Evaluations::move(const Uuid& run, Entry& entry, Stage to) {
    const auto is_busy = [](Stage stage) { return stage == Stage::Admitted || stage == Stage::Working; };
    if (is_busy(entry.stage) && !is_busy(to)) {
        busy_in_all_--;
        if (--busy_[entry.owner] == 0) busy_.erase(entry.owner);
    } else if (!is_busy(entry.stage) && is_busy(to)) {
        busy_in_all_++;
        busy_[entry.owner]++;
    }
    if (entry.stage == Stage::Working) {
        std::erase(working_, run);
        suspects::unmark_copy(run);
    }
    if (to == Stage::Working) {
        working_.push_back(run);
        suspects::mark_copy(run);
    }
    if (to == Stage::InLine) {
        std::deque<Uuid>& line = lines_[entry.owner];
        line.push_back(run);
        if (line.size() >= kLongLine) intake_.hold_fresh(entry.owner, true);
    }
    // The outcome belongs to the run as it is in memory, so the run must stay there.
    if (LiveRun* live = live_.find(run)) live_.pin(*live, to == Stage::Working || to == Stage::Ready);
    entry.stage = to;
}

void Evaluations::forget(const Uuid& run) {
    Entry* entry = find(run);
    if (entry == nullptr) return;
    move(run, *entry, Stage::Interrupted);
    entries_.erase(run);
}

bool Evaluations::hold(Item& item) {
    Entry* entry = find(item.run);
    if (entry == nullptr || (entry->stage != Stage::InLine && entry->stage != Stage::Working)) return false;
    if (item.event && std::holds_alternative<machine::Stopped>(*item.event)) {
        stop(item.run, std::move(item));
        return true;
    }
    const bool is_there = !item.event && std::any_of(entry->items.begin(), entry->items.end(),
                                                     [](const Item& held) { return !held.event; });
    if (!is_there) entry->items.push_back(std::move(item));
    return true;
}

// The request to stop is put before the run's other items, because the run ends whatever they say.
void Evaluations::stop(const Uuid& run, Item&& request) {
    Entry& entry = *find(run);
    std::vector<Item> items = std::move(entry.items);
    items.insert(items.begin(), std::move(request));
    forget(run);
    intake_.put_back(std::move(items));
}

void Evaluations::interrupted(const Item& item, std::vector<machine::Given>&& given) {
    Entry& entry = enter(item.run, item.owner);
    entry.has_event = item.event.has_value();
    entry.given = std::move(given);
    if (++entry.interrupted > kMaxInterrupted)
        fail(item.run, entry, "The evaluation has come to other events each time that it was repeated.");
    else
        move(item.run, entry, Stage::Interrupted);
}

std::size_t Evaluations::under_way() const {
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) {
        return entry.second->has_event || entry.second->stage == Stage::Working;
    }));
}

// ---------------------------------------------------------------------------------------------- slow versions

namespace {

std::tuple<Uuid, std::int32_t, std::string> place_of(const LiveRun& run) {
    const machine::FrameData& frame = run.frame.data();
    return {run.version->flow_id, run.version->version, frame.started ? frame.top.state : std::string()};
}

}  // namespace

void Evaluations::remember(const Slow& slow) {
    if (slow_.size() < kMaxSlow || slow_.contains(slow)) slow_[slow] = unix_micros_now() + kSlowFor;
}

void Evaluations::note_slow(const LiveRun& run) {
    remember(place_of(run));
}

Evaluations::Advice Evaluations::advice(const LiveRun& run) const {
    if (const Entry* entry = find(run.id))
        return entry->stage == Stage::Ready ? Advice::TakeOutcome : Advice::SetAside;
    if (suspects::times(run.id) > 0) return Advice::SetAside;
    if (slow_.empty()) return Advice::Compute;
    const auto slow = slow_.find(place_of(run));
    const std::int64_t now = unix_micros_now();
    // A time in the far future means that the clock has been set back.
    const bool is_slow = slow != slow_.end() && slow->second >= now && slow->second <= now + kSlowFor;
    return is_slow ? Advice::SetAside : Advice::Compute;
}

const EvaluationOutcome& Evaluations::outcome(const Uuid& run) const {
    return find(run)->outcome;
}

const std::vector<machine::Given>& Evaluations::interrupted_at(const Uuid& run) const {
    static const std::vector<machine::Given> kNone;
    const Entry* entry = find(run);
    return entry == nullptr ? kNone : entry->given;
}

// ---------------------------------------------------------------------------------------------- copies

bool Evaluations::has_room(Oid owner) const {
    const auto busy = busy_.find(owner);
    return busy_in_all_ < kCopiesAtOnce && (busy == busy_.end() || busy->second < kCopiesOfOwner);
}

void Evaluations::begin(const LiveRun& run, std::vector<Item>&& items, std::vector<machine::Given>&& given) {
    Entry& entry = enter(run.id, run.flow_owner);
    const bool may_start =
        (entry.stage == Stage::Admitted || has_room(entry.owner)) && unix_micros_now() >= try_at_;
    entry.has_event = items.front().event.has_value();
    entry.items = std::move(items);
    entry.given = std::move(given);
    entry.slow = place_of(run);
    move(run.id, entry, may_start && start(run, entry) ? Stage::Working : Stage::InLine);
}

bool Evaluations::start(const LiveRun& run, Entry& entry) {
    entry.input = run.context.input;
    entry.state = std::get<std::string>(*entry.slow);
    machine::Limits limits = machine_limits();
    limits.out_of_time = "The evaluation took longer than " + time_limit() + "." + kWhatToDo;
    const auto work = [&](const volatile std::sig_atomic_t& out_of_time) {
        machine::Transcript transcript;
        {
            const InterruptScope scope(out_of_time);
            transcript = machine::advance_by(*run.version->flow, run.context, limits, run.frame, entry.given);
        }
        return transcript.save(run.context.input);
    };
    if (!entry.copy.start(work, {guc::evaluation_timeout, kMemory, kMaxOutcomeBytes})) {
        const std::string problem = entry.copy.problem();
        const char* const text = problem.c_str();
        guarded([&] {
            ereport(WARNING, (errmsg("pg_flowctl: cannot evaluate in a process of its own: %s", text)));
        });
        try_at_ = unix_micros_now() + kTryAgain;
        return false;
    }
    entry.ends_at = unix_micros_now() + kWallMicros +
                    kWallFactor * static_cast<std::int64_t>(guc::evaluation_timeout) * 1'000;
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, entry.copy.descriptor(), &event);
    return true;
}

bool Evaluations::collect(bool drained) {
    more_ = false;
    if (const std::int64_t now = unix_micros_now(); !slow_.empty() && now >= forget_slow_at_) {
        std::erase_if(slow_, [now](const auto& known) { return known.second < now; });
        forget_slow_at_ = now + kSlowFor;
    }
    Forked::reap_killed();
    if (entries_.empty() && lines_.empty()) return false;
    for (const Uuid& run : std::vector<Uuid>(working_))
        look(run, *find(run));
    admit(drained);
    return more_;
}

void Evaluations::look(const Uuid& run, Entry& entry) {
    if (entry.reading) return read(run, entry);
    switch (entry.copy.look()) {
        case Forked::State::Working:
            if (unix_micros_now() < entry.ends_at) return;
            entry.copy.end();
            [[fallthrough]];
        case Forked::State::TooLong:
            return fail(run, entry, "It took longer than " + time_limit() + "." + kWhatToDo);
        case Forked::State::Done:
            entry.text = entry.copy.take_text();
            entry.reading = std::make_unique<Sliced>(
                [&entry] { entry.read = machine::Transcript::load(entry.text, entry.input); });
            return read(run, entry);
        case Forked::State::Failed:
            return failed(run, entry, entry.copy.problem());
    }
}

void Evaluations::read(const Uuid& run, Entry& entry) {
    std::string problem;
    try {
        if (!entry.reading->go_on(kReadMicros)) {
            more_ = true;
            return;
        }
    } catch (const std::exception& error) {
        problem = error.what();
    }
    entry.reading.reset();
    entry.text = {};
    const std::optional<Result<machine::Transcript, std::string>> transcript =
        std::exchange(entry.read, std::nullopt);
    if (!transcript) return failed(run, entry, problem);
    if (!transcript->ok()) return failed(run, entry, transcript->error());
    if ((*transcript)->steps.empty()) return failed(run, entry, "its outcome is empty");
    if (entry.copy.processor_micros() < kNotSlow)
        slow_.erase(*entry.slow);
    else
        remember(*entry.slow);
    entry.outcome = {entry.given, **transcript, {}};
    move(run, entry, Stage::Ready);
    intake_.put_back(std::exchange(entry.items, {}));
}

void Evaluations::failed(const Uuid& run, Entry& entry, const std::string& problem) {
    if (++entry.failures >= kMaxFailures)
        fail(run, entry,
             "It failed " + std::to_string(kMaxFailures) + " times; the last time " + problem + ".");
    else
        move(run, entry, Stage::InLine);
}

// This failure does not come from the machine, so the machine cannot say in which state it happened.
void Evaluations::fail(const Uuid& run, Entry& entry, std::string&& reason) {
    entry.outcome.failure =
        "An error occurred while evaluating " +
        (entry.given.empty() ? "the run" : std::string(name_of(entry.given.back().event))) +
        (entry.state.empty() ? "" : " in the state '" + entry.state + "'") + ". " + reason;
    move(run, entry, Stage::Ready);
    intake_.put_back(std::exchange(entry.items, {}));
}

// Admits waiting runs, one owner after the other.
void Evaluations::admit(bool drained) {
    if (lines_.empty() || unix_micros_now() < try_at_) return;
    for (std::size_t passed = 0; passed < lines_.size() && busy_in_all_ < kCopiesAtOnce;) {
        auto line = lines_.upper_bound(last_owner_);
        if (line == lines_.end()) line = lines_.begin();
        last_owner_ = line->first;
        passed = has_room(line->first) && admit_next(line->second, drained) ? 0 : passed + 1;
        if (line->second.size() < kLongLine / 2) intake_.hold_fresh(line->first, false);
        if (line->second.empty()) lines_.erase(line);
    }
}

bool Evaluations::admit_next(std::deque<Uuid>& line, bool drained) {
    for (std::size_t left = line.size(); left > 0; left--) {
        const Uuid run = line.front();
        Entry* entry = find(run);
        line.pop_front();
        if (entry == nullptr || entry->stage != Stage::InLine) continue;
        if (drained && !entry->has_event) {
            line.push_back(run);
            continue;
        }
        move(run, *entry, Stage::Admitted);
        intake_.put_back(std::exchange(entry->items, {}));
        return true;
    }
    return false;
}

std::optional<machine::Instant> Evaluations::next_at() const {
    std::optional<machine::Instant> next;
    for (const Uuid& run : working_) {
        const std::int64_t at = find(run)->ends_at;
        if (!next || at < *next) next = at;
    }
    if (!lines_.empty() && try_at_ > unix_micros_now()) next = next ? std::min(*next, try_at_) : try_at_;
    return next;
}

}  // namespace flowctl::pg
