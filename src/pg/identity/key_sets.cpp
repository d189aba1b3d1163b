// Sessions look for keys, the worker fetches them; see key_sets.hpp.
#include "pg/identity/key_sets.hpp"

#include <algorithm>
#include <chrono>

#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "net/http/content_coding.hpp"
#include "net/tokens/discovery.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/server/acting_role.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/transaction.hpp"
#include "pg/shared/mailbox.hpp"

extern "C" {
#include "storage/condition_variable.h"
}

namespace flowctl::pg::key_sets {

namespace {

constexpr std::int64_t kBetweenTries = 30'000'000;  // microseconds
constexpr std::size_t kMaxDocumentBytes = 256 * 1024;

Statement find_sql(R"(
    SELECT document, fetched_at, tried_at, problem FROM flowctl_catalog.key_set WHERE server = $1 AND options_hash = $2)",
                   {OIDOID, TEXTOID});

Statement tried_sql("SELECT tried_at FROM flowctl_catalog.key_set WHERE server = $1 AND options_hash = $2",
                    {OIDOID, TEXTOID});

Statement save_sql(R"(
    INSERT INTO flowctl_catalog.key_set AS k (server, options_hash, document, fetched_at, tried_at, problem)
    VALUES ($1, $2, $3, CASE WHEN $3 IS NOT NULL THEN pg_catalog.clock_timestamp() END,
            pg_catalog.clock_timestamp(), $4)
    ON CONFLICT (server) DO UPDATE
    SET document = CASE WHEN $3 IS NOT NULL THEN $3 WHEN k.options_hash = $2 THEN k.document END,
        fetched_at = CASE WHEN $3 IS NOT NULL THEN pg_catalog.clock_timestamp() WHEN k.options_hash = $2 THEN k.fetched_at END,
        options_hash = $2, tried_at = pg_catalog.clock_timestamp(), problem = $4)",
                   {OIDOID, TEXTOID, TEXTOID, TEXTOID});

Statement forget_sql(R"(
    DELETE FROM flowctl_catalog.key_set k
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s WHERE s.oid = k.server))",
                     {});

// A set belongs to the issuer as its options describe it.
std::string hash_of(const Options& options) {
    std::string text;
    for (const char* name : {"issuer", "discovery", "jwks_uri", "ca_file"}) {
        const std::string_view value = option(options, name);
        text += std::to_string(value.size()) + ':' + std::string(value);
    }
    return net::hex_encode(net::sha256(text));
}

}  // namespace

// ---------------------------------------------------------------------------------------------- sessions

Reader::Reader(Oid server, const Options& options)
    : server_(server),
      options_hash_(hash_of(options)),
      timeout_(read_seconds(option(options, "timeout")).value_or(10)) {
    load();
    if (!stored_.keys) fetch();
}

void Reader::load() {
    const AsExtensionOwner owner;
    Spi spi;
    const Rows rows = spi.run_latest(find_sql, std::move(Params().oid(server_).text(options_hash_)));
    stored_ = Stored{};
    if (rows.size() == 0) return;
    stored_.tried_at = rows.timestamp(0, 2);
    stored_.problem = rows.optional_text(0, 3).value_or("");
    const auto fetched_at = rows.optional_timestamp(0, 1);
    const auto document = rows.optional_text(0, 0);
    if (!document || !fetched_at) return;
    if (unix_micros_now() - *fetched_at > static_cast<std::int64_t>(guc::key_set_max_age) * 1'000'000) return;
    auto parsed = net::KeySet::parse(*document);
    if (auto* keys = std::get_if<net::KeySet>(&parsed)) stored_.keys = std::move(*keys);
}

bool Reader::fetch() {
    const std::int64_t before = stored_.tried_at;
    if (unix_micros_now() - before < kBetweenTries) return false;
    ConditionVariable* const signal = mailbox::answered();
    if (signal == nullptr) return false;
    mailbox::Message wanted;
    wanted.database = MyDatabaseId;
    wanted.server = server_;
    mailbox::set(wanted.object, options_hash_);
    // The worker sends two requests at most, for discovery and for the keys.
    const std::int64_t deadline = unix_micros_now() + static_cast<std::int64_t>((2 * timeout_ + 2) * 1e6);
    const std::uint32_t event = wait_event("FlowctlKeySet");
    guarded([&] { ConditionVariablePrepareToSleep(signal); });
    try {
        (void)mailbox::post(wanted);
        for (;;) {
            load();
            const std::int64_t left = deadline - unix_micros_now();
            if (stored_.tried_at != before || left <= 0) break;
            const long milliseconds = static_cast<long>(std::min<std::int64_t>(left / 1000 + 1, 500));
            guarded([&] {
                (void)ConditionVariableTimedSleep(signal, milliseconds, event);
                CHECK_FOR_INTERRUPTS();
            });
        }
    } catch (...) {
        ConditionVariableCancelSleep();
        throw;
    }
    ConditionVariableCancelSleep();
    return stored_.tried_at != before;
}

// ---------------------------------------------------------------------------------------------- the worker

void Fetcher::hear(const std::vector<mailbox::Message>& messages) {
    for (const mailbox::Message& message : messages) {
        if (message.kind != mailbox::Message::Kind::KeysWanted) continue;
        try {
            want(message.server, message.object);
        } catch (PgError& error) {
            error.report();
        }
    }
}

void Fetcher::want(Oid server, const std::string& options_hash) {
    const bool running = std::any_of(under_way_.begin(), under_way_.end(),
                                     [&](const auto& fetch) { return fetch.second.server == server; });
    if (running) return;
    Fetch fetch;
    fetch.server = server;
    // Recorded even where the server cannot be used, since the session that asks looks for this hash.
    fetch.options_hash = options_hash;
    std::string url;
    std::string problem;
    {
        Transaction transaction("pg_flowctl: looking for an issuer");
        {
            Spi spi;
            const Rows rows = spi.run(tried_sql, std::move(Params().oid(server).text(options_hash)));
            if (rows.size() != 0 && unix_micros_now() - rows.timestamp(0, 0) < kBetweenTries) return;
        }
        auto found = issuer_by_oid(server);
        if (found) {
            fetch.options_hash = hash_of(found->options);
            fetch.issuer = std::move(found->issuer);
            fetch.egress_role = std::move(found->owner);
            url = fetch.issuer.jwks_uri;
        } else {
            problem = found.error().cause;
        }
        transaction.commit();
    }
    if (problem.empty() && url.empty()) {
        const auto document = net::discovery_url(fetch.issuer);
        fetch.discovering = true;
        if (document.index() == 0)
            url = std::get<0>(document);
        else
            problem = std::get<1>(document);
        if (fetch.issuer.discovery == net::Discovery::None)
            problem = "it has neither discovery nor the option jwks_uri";
    }
    if (problem.empty()) return send(std::move(fetch), std::move(url));
    finish(fetch, std::nullopt, problem);
}

void Fetcher::send(Fetch fetch, std::string url) {
    net::Request request;
    request.egress_role = fetch.egress_role;
    request.endpoint = "keys of " + std::to_string(fetch.server);
    request.method = "GET";
    request.url = std::move(url);
    request.headers = {{"Accept", "application/json"}};
    request.ca_file = fetch.issuer.ca_file;
    request.connect_timeout = fetch.issuer.timeout;
    request.timeout = fetch.issuer.timeout;
    request.max_response_bytes = kMaxDocumentBytes;
    under_way_.emplace(host_.send(std::move(request), *this), std::move(fetch));
}

void Fetcher::answered(net::Response&& response) {
    auto node = under_way_.extract(response.id);
    if (node.empty()) return;
    Fetch fetch = std::move(node.mapped());
    if (response.failure != net::Failure::None) return finish(fetch, std::nullopt, response.message);
    if (response.status != 200)
        return finish(fetch, std::nullopt, "it answered with status " + std::to_string(response.status));
    const std::string encoded = net::content_coding_fault(response.headers);
    if (fetch.discovering) {
        auto url = net::read_key_set_url(fetch.issuer, response.body);
        if (url.index() == 1)
            return finish(fetch, std::nullopt,
                          encoded.empty() ? std::get<1>(url) : "its discovery document " + encoded);
        fetch.discovering = false;
        return send(std::move(fetch), std::get<0>(std::move(url)));
    }
    const auto keys = net::KeySet::parse(response.body);
    if (const auto* problem = std::get_if<std::string>(&keys))
        return finish(fetch, std::nullopt, encoded.empty() ? *problem : "the key set " + encoded);
    finish(fetch, response.body, "");
}

// Records the outcome; a set that was fetched before stays until it is too old.
void Fetcher::finish(const Fetch& fetch, const std::optional<std::string>& document,
                     const std::string& problem) {
    try {
        Transaction transaction("pg_flowctl: keeping an issuer's keys");
        {
            Spi spi;
            Params params;
            params.oid(fetch.server).text(fetch.options_hash).text(document);
            params.text(problem.empty() ? std::nullopt : std::optional<std::string_view>(problem));
            spi.run(save_sql, std::move(params));
            spi.run(forget_sql);
        }
        transaction.commit();
    } catch (PgError& error) {
        error.report();
    }
    mailbox::answer();
}

}  // namespace flowctl::pg::key_sets
