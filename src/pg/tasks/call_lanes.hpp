// Fair shares of the calls that a worker may have under way.
//
// All calls together are bounded, in number and in what their answers may take of memory (call_limit). Of
// these, each endpoint has a share, each owner of flows has one, and within it each host that the owner's
// flows call: so neither an endpoint that never answers, nor an owner with many endpoints, nor many endpoints
// of one owner at one host hold up the calls of others. A run whose call finds no room waits in line by its
// id; it is given its call again (machine::Resumed) when there is room. Ids are hints: a run that has ended
// meanwhile is passed over. Memory: 16 bytes for each run in line.
#pragma once

#include <algorithm>
#include <cctype>
#include <compare>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "pg/server/uuid.hpp"
#include "pg/tasks/call_limit.hpp"

namespace flowctl::pg {

// What a call counts against: its lane, which is the endpoint as the Task names it, and the owner of its
// flow.
struct CallPlace {
    std::string lane;
    Oid owner = InvalidOid;

    auto operator<=>(const CallPlace&) const = default;
};

class CallLanes {
  public:
    // What is known of the calls in a lane from the last one that began: where they go, and how large the
    // answer may become.
    struct Known {
        std::string host;  // scheme, host and port; empty: no call of the lane has begun yet
        std::size_t answer_bytes = 0;
    };
    // Calls that are under way, or that a transaction is about to begin.
    struct Counts {
        std::map<std::string, std::size_t> in_lane;
        std::map<Oid, std::size_t> of_owner;
        std::map<Oid, std::size_t> bytes_of_owner;
        std::map<std::pair<Oid, std::string>, std::size_t> at_host;
        std::size_t all = 0;
        std::size_t bytes = 0;

        void add(const CallPlace& place, const Known& known) {
            in_lane[place.lane]++;
            of_owner[place.owner]++;
            at_host[{place.owner, known.host}]++;
            bytes_of_owner[place.owner] += known.answer_bytes;
            bytes += known.answer_bytes;
            all++;
        }
        void remove(const CallPlace& place, const Known& known) {
            take(in_lane, place.lane, 1);
            take(of_owner, place.owner, 1);
            take(at_host, {place.owner, known.host}, 1);
            take(bytes_of_owner, place.owner, known.answer_bytes);
            bytes -= known.answer_bytes;
            all--;
        }
    };

    // While the lanes are closed, no call has room: the server is about to restart (shared/drain.hpp).
    void close(bool closed) { closed_ = closed; }
    bool closed() const { return closed_; }

    // Whether a call may begin, beside the calls that are planned. While nothing is known of a lane, one call
    // of it is planned at a time. An answer that is larger than all answers may be together has room alone.
    bool has_room(const CallPlace& place) const { return has_room(place, Counts()); }
    bool has_room(const CallPlace& place, const Counts& planned) const {
        if (closed_) return false;
        if (place.lane.empty()) return true;
        const Known known = known_of(place.lane);
        if (known.host.empty() && count(planned.in_lane, place.lane) > 0) return false;
        const std::size_t most = answer_memory(), all = under_way_.bytes + planned.bytes,
                          own = both(&Counts::bytes_of_owner, place.owner, planned);
        return under_way_.all + planned.all < call_limit() &&
               both(&Counts::in_lane, place.lane, planned) < call_limit_per_endpoint() &&
               both(&Counts::of_owner, place.owner, planned) < call_limit_per_owner() &&
               both(&Counts::at_host, {place.owner, known.host}, planned) < call_limit_per_endpoint() &&
               (all == 0 || all + known.answer_bytes <= most) &&
               (own == 0 || own + known.answer_bytes <= most - most / 4);
    }
    Known known_of(const std::string& lane) const {
        const auto found = known_.find(lane);
        return found == known_.end() ? Known() : found->second;
    }

    // The call leaves for this URL. Returns what end() wants to know.
    Known begin(const CallPlace& place, std::string_view url, std::size_t answer_bytes) {
        Known known{origin_of(url), answer_bytes};
        if (known_.size() >= kMaxKnown && !known_.contains(place.lane)) known_.clear();
        known_[place.lane] = known;
        under_way_.add(place, known);
        return known;
    }
    void end(const CallPlace& place, const Known& known) { under_way_.remove(place, known); }

    void wait(const CallPlace& place, const Uuid& run) {
        lines_[place].push_back(run);
        waiting_++;
    }
    std::size_t waiting() const { return waiting_; }
    // Whether take_ready() would give something.
    bool has_ready() const {
        return !closed_ && waiting_ > 0 && under_way_.all < call_limit() &&
               std::any_of(lines_.begin(), lines_.end(),
                           [this](const auto& line) { return has_room(line.first); });
    }
    // The runs for whose calls there is room now, taken out of line. Lines take turns.
    std::vector<Uuid> take_ready() {
        std::vector<Uuid> ready;
        if (closed_ || waiting_ == 0) return ready;
        Counts planned;
        for (bool any = true; any;) {
            any = false;
            auto line = lines_.upper_bound(last_served_);
            for (std::size_t left = lines_.size(); left > 0; left--) {
                if (line == lines_.end()) line = lines_.begin();
                const auto here = line++;
                if (!has_room(here->first, planned)) continue;
                any = true;
                planned.add(here->first, known_of(here->first.lane));
                ready.push_back(here->second.front());
                here->second.pop_front();
                waiting_--;
                last_served_ = here->first;
                if (here->second.empty()) lines_.erase(here);
            }
        }
        return ready;
    }

  private:
    static constexpr std::size_t kMaxKnown = 10'000;

    template <class Key>
    static void take(std::map<Key, std::size_t>& counts, const Key& key, std::size_t number) {
        const auto found = counts.find(key);
        if (found != counts.end() && (found->second -= number) == 0) counts.erase(found);
    }
    template <class Key>
    static std::size_t count(const std::map<Key, std::size_t>& counts, const Key& key) {
        const auto found = counts.find(key);
        return found == counts.end() ? 0 : found->second;
    }
    template <class Key>
    std::size_t both(std::map<Key, std::size_t> Counts::*counts, const std::type_identity_t<Key>& key,
                     const Counts& planned) const {
        return count(under_way_.*counts, key) + count(planned.*counts, key);
    }
    // Scheme, host and port.
    static std::string origin_of(std::string_view url) {
        const std::size_t scheme = url.find("://");
        const std::size_t end =
            scheme == std::string_view::npos ? url.find('/') : url.find_first_of("/?#", scheme + 3);
        std::string origin(url.substr(0, end));
        std::transform(origin.begin(), origin.end(), origin.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return origin;
    }

    Counts under_way_;
    std::map<std::string, Known> known_;  // by lane
    std::map<CallPlace, std::deque<Uuid>> lines_;
    CallPlace last_served_;
    std::size_t waiting_ = 0;
    bool closed_ = false;
};

}  // namespace flowctl::pg
