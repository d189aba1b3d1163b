// Fair shares of the calls that a worker may have under way.
//
// All calls together are bounded (call_limit). Of these, each endpoint has a share, each owner of flows has
// one, and within it each host that the owner's flows call: so neither an endpoint that never answers, nor an
// owner with many endpoints, nor many endpoints of one owner at one host hold up the calls of others. A run
// whose call finds no room waits in line by its id; it is given its call again (machine::Resumed) when there
// is room. Ids are hints: a run that has ended meanwhile is passed over. Memory: 16 bytes for each run in
// line.
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
    // Calls that are under way, or that a transaction is about to begin.
    struct Counts {
        std::map<std::string, std::size_t> in_lane;
        std::map<Oid, std::size_t> of_owner;
        std::map<std::pair<Oid, std::string>, std::size_t> at_host;
        std::size_t all = 0;

        void add(const CallPlace& place, const std::string& host) {
            in_lane[place.lane]++;
            of_owner[place.owner]++;
            if (!host.empty()) at_host[{place.owner, host}]++;
            all++;
        }
        void remove(const CallPlace& place, const std::string& host) {
            take_one(in_lane, place.lane);
            take_one(of_owner, place.owner);
            if (!host.empty()) take_one(at_host, {place.owner, host});
            all--;
        }
    };

    // Whether a call may begin, beside the calls that are planned. Which host a lane leads to is learned from
    // its first call; until then one call at a time is planned.
    bool has_room(const CallPlace& place) const { return has_room(place, Counts()); }
    bool has_room(const CallPlace& place, const Counts& planned) const {
        const std::string host = host_of(place.lane);
        if (host.empty() && count(planned.in_lane, place.lane) > 0) return false;
        return under_way_.all + planned.all < call_limit() &&
               both(&Counts::in_lane, place.lane, planned) < call_limit_per_endpoint() &&
               both(&Counts::of_owner, place.owner, planned) < call_limit_per_owner() &&
               (host.empty() ||
                both(&Counts::at_host, {place.owner, host}, planned) < call_limit_per_endpoint());
    }
    // As far as it is known; empty: it is not.
    std::string host_of(const std::string& lane) const {
        const auto found = hosts_.find(lane);
        return found == hosts_.end() ? std::string() : found->second;
    }

    // The call leaves for this URL. Returns the host, which end() wants to know.
    std::string begin(const CallPlace& place, std::string_view url) {
        std::string host = origin_of(url);
        if (hosts_.size() >= kMaxHosts && !hosts_.contains(place.lane)) hosts_.clear();
        hosts_[place.lane] = host;
        under_way_.add(place, host);
        return host;
    }
    void end(const CallPlace& place, const std::string& host) { under_way_.remove(place, host); }

    void wait(const CallPlace& place, const Uuid& run) {
        lines_[place].push_back(run);
        waiting_++;
    }
    std::size_t waiting() const { return waiting_; }
    // Whether take_ready() would give something.
    bool has_ready() const {
        return waiting_ > 0 && under_way_.all < call_limit() &&
               std::any_of(lines_.begin(), lines_.end(),
                           [this](const auto& line) { return has_room(line.first); });
    }
    // The runs for whose calls there is room now, taken out of line. Lines take turns.
    std::vector<Uuid> take_ready() {
        std::vector<Uuid> ready;
        if (waiting_ == 0) return ready;
        Counts planned;
        for (bool any = true; any;) {
            any = false;
            auto line = lines_.upper_bound(last_served_);
            for (std::size_t left = lines_.size(); left > 0; left--) {
                if (line == lines_.end()) line = lines_.begin();
                const auto here = line++;
                if (!has_room(here->first, planned)) continue;
                any = true;
                planned.add(here->first, host_of(here->first.lane));
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
    static constexpr std::size_t kMaxHosts = 10'000;

    template <class Key>
    static void take_one(std::map<Key, std::size_t>& counts, const Key& key) {
        const auto found = counts.find(key);
        if (found != counts.end() && --found->second == 0) counts.erase(found);
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
    std::map<std::string, std::string> hosts_;  // by lane: of its last call
    std::map<CallPlace, std::deque<Uuid>> lines_;
    CallPlace last_served_;
    std::size_t waiting_ = 0;
};

}  // namespace flowctl::pg
