// IssuerCircuit: which issuers are left alone, and until when.
//
// There are two reasons. An issuer that answers 429 or 503 asked for a pause; it gets it from every
// credential and run, for as long as it asked (up to an hour), or 1, 2, 4 ... 60 s where it did not say. An
// issuer that does not answer five times in a row opens the circuit: for 1, 2, 4 ... 60 s nobody waits for it, and
// whoever wants a token is told so at once. After either, one request goes first; when
// it brings an answer, the others follow. Another CA file or role may reach another server under the same URL, so
// it counts apart. There is no clock here: time comes in.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "net/call/credential.hpp"

namespace flowctl::net {

enum class CircuitState { Closed, Paused, Open, HalfOpen };

class IssuerCircuit {
  public:
    using Time = std::chrono::steady_clock::time_point;

    static std::string key(const Issuer& issuer, const std::string& egress_role);

    struct Gate {
        CircuitState state = CircuitState::Closed;  // Closed: go ahead
        Time until;                                 // else ask again then
    };
    // Before a request. HalfOpen means that another request is under way to find out; the one that is let
    // through counts as that request.
    Gate enter(const std::string& key, Time now);
    // The issuer asked for a pause. Returns its end.
    Time pause(const std::string& key, std::optional<Seconds> asked, Time now);
    // No answer came to a request of that time; those that were under way together count once. The end of the
    // time for which nobody is to wait, where the circuit is open now.
    std::optional<Time> failed(const std::string& key, Time begun, Time now);
    // An answer came, of whatever kind.
    void answered(const std::string& key) { entries_.erase(key); }

    // How it stands, and until when it is paused or open. Changes nothing.
    Gate look(const std::string& key, Time now) const;

  private:
    struct Entry {
        Time until;
        int pauses = 0;    // one after the other
        int failures = 0;  // one after the other, since the last answer
        Time failed_at;
        bool open = false;
        std::optional<Time> probe_ends;  // a request is under way to find out
    };
    void make_room(Time now);

    std::map<std::string, Entry> entries_;
};

}  // namespace flowctl::net
