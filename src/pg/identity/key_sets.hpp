// The public keys of issuers whose users' tokens are taken: fetched by the worker, used by sessions.
//
// A session verifies a token in its own process, but does no network I/O. So the worker of shard 0 fetches
// key sets (Fetcher) and keeps them in a table. A session that lacks one (Reader), because it was never
// fetched, is too old, or does not have the key id of a token, asks for it through the mailbox and waits for
// a bounded time. Invariants:
//   - a set belongs to the options that the server had when it was fetched;
//   - a set older than flowctl.key_set_max_age is not used;
//   - an issuer is asked at most every 30 s, whatever tokens come;
//   - a session trusts the table only because nobody but the engine can write there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/client.hpp"
#include "net/crypto/jwks.hpp"
#include "pg/endpoints/options.hpp"
#include "pg/server/spi.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg::key_sets {

struct Stored {
    std::optional<net::KeySet> keys;  // absent: never fetched, or too old
    std::int64_t tried_at = 0;        // when it was last asked for; microseconds since 1970
    std::string problem;              // why that failed; empty: it did not
};

// For a session that verifies a token. The foreign server stands for the issuer.
class Reader {
  public:
    Reader(Oid server, const Options& options);

    const Stored& stored() const { return stored_; }
    // Asks the worker to fetch the set and waits until it has tried. False: it was tried less than 30 s ago,
    // or nobody answered in time; then nothing has changed.
    bool fetch();

  private:
    void load();
    Oid server_;
    std::string options_hash_;
    double timeout_;
    Stored stored_;
};

// For the worker: a part of its turn.
class Fetcher final : public Part {
  public:
    explicit Fetcher(Host& host) : host_(host) {}

    void hear(const std::vector<mailbox::Message>& messages) override;
    void answered(net::Response&& response) override;

  private:
    struct Fetch {
        Oid server = InvalidOid;
        std::string options_hash;
        net::Issuer issuer;
        std::string egress_role;
        bool discovering = false;
    };
    // Begins to fetch, unless it is under way or was tried less than 30 s ago. Begins and ends a transaction.
    void want(Oid server, const std::string& options_hash);
    void send(Fetch fetch, std::string url);
    void finish(const Fetch& fetch, const std::optional<std::string>& document, const std::string& problem);

    Host& host_;
    std::map<std::uint64_t, Fetch> under_way_;  // by the id of its request
};

}  // namespace flowctl::pg::key_sets
