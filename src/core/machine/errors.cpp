// Matching errors with retriers and catchers; see errors.hpp.
#include "core/machine/errors.hpp"

#include <algorithm>
#include <cmath>

namespace flowctl::machine {

namespace {

// About a hundred years. No run lives longer, and instants stay far from overflow.
constexpr double kLongestDelaySeconds = 3.2e9;

// The wildcards do not cover errors in the flow itself. A task's answer that is too large is the task's
// failure, however, and AWS lets States.ALL catch it.
bool wildcard_covers(const Failure& failure) {
    if (failure.error == kRuntime) return false;
    return failure.error != kDataLimit || failure.of_answer;
}

bool is_timeout(const Failure& failure) {
    return failure.error == kTimeout || failure.error == kHeartbeatTimeout;
}

}  // namespace

bool matches(const std::vector<std::string>& error_equals, const Failure& failure) {
    for (const std::string& name : error_equals) {
        if (name == failure.error) return true;
        if (name == kAll && wildcard_covers(failure)) return true;
        if (name == kTaskFailed && wildcard_covers(failure) && !is_timeout(failure)) return true;
        if (name == kTimeout && is_timeout(failure)) return true;
    }
    return false;
}

Instant retry_delay(const asl::Retrier& retrier, std::int64_t used, Random& random) {
    double seconds = static_cast<double>(retrier.interval_seconds) *
                     std::pow(retrier.backoff_rate, static_cast<double>(used));
    seconds = std::min(seconds, kLongestDelaySeconds);  // infinity becomes this limit as well
    if (retrier.max_delay_seconds)
        seconds = std::min(seconds, static_cast<double>(*retrier.max_delay_seconds));
    if (retrier.full_jitter) seconds *= random.next_unit();
    return static_cast<Instant>(std::llround(seconds * 1e6));
}

json::Value error_details(const std::optional<std::string>& error, const std::optional<std::string>& cause) {
    json::ObjectBuilder details;
    if (error) details.add("error", *error);
    if (cause) details.add("cause", *cause);
    return details.build();
}

std::string quoted_value(const json::Value& value) {
    std::string out;
    json::dump_string(value.is_string() ? value.as_string() : json::dump(value), out);
    return out;
}

std::string occurred_in(const BranchFrame& branch) {
    return "An error occurred while executing the state '" + branch.state + "' (entered at the event id #" +
           std::to_string(branch.entered_event) + "). ";
}

std::string bounded(std::string text, std::size_t most) {
    if (text.size() <= most) return text;
    std::size_t end = most;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        --end;
    text.resize(end);
    return text;
}

}  // namespace flowctl::machine
