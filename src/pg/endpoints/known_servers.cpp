// Implementation of known_servers.hpp.
#include "pg/endpoints/known_servers.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>

#include "core/asl/integrations.hpp"
#include "net/crypto/crypto.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/endpoints/foreign_servers.hpp"
#include "pg/server/bridge.hpp"

namespace flowctl::pg {

namespace {

constexpr std::size_t kMostBytes = 8 * 1024 * 1024;  // of one kind
constexpr std::size_t kBytesBeside = 4'096;          // of what is kept of a server beside its options

// Moved by invalidation messages, which come wherever the server takes them, also in the middle of a lookup.
std::uint64_t changes = 0;

void on_change(Datum, int, uint32) noexcept {
    changes++;
}

std::uint64_t current_changes() {
    static bool registered = false;
    if (!registered) {
        guarded([] {
            for (const int cache : {FOREIGNSERVEROID, FOREIGNDATAWRAPPEROID, USERMAPPINGOID})
                CacheRegisterSyscacheCallback(cache, on_change, 0);
        });
        registered = true;
    }
    guarded([] { AcceptInvalidationMessages(); });
    return changes;
}

std::size_t bytes_of(const Options& options) {
    std::size_t bytes = kBytesBeside;
    for (const auto& [name, value] : options)
        bytes += 2 * (name.size() + value.size());
    return bytes;
}

template <class Key, class Value>
class Kept {
  public:
    // What is kept for this key; else what `read` finds, which is null where there is nothing.
    template <class Read>
    std::shared_ptr<const Value> find(const Key& key, Read&& read) {
        const std::uint64_t before = current_changes();
        if (before != as_of_) clear(before);
        if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
        std::size_t bytes = 0;
        std::shared_ptr<const Value> value = read(bytes);
        if (value == nullptr || changes != before) return value;
        if (bytes_ + bytes > kMostBytes) clear(before);
        bytes_ += bytes;
        kept_.emplace(key, value);
        return value;
    }

  private:
    void clear(std::uint64_t as_of) {
        kept_.clear();
        bytes_ = 0;
        as_of_ = as_of;
    }

    std::map<Key, std::shared_ptr<const Value>, std::less<>> kept_;
    std::size_t bytes_ = 0;
    std::uint64_t as_of_ = 0;
};

bool can_be_a_name(std::string_view name) {
    return !name.empty() && name.size() < NAMEDATALEN && name.find('\0') == std::string_view::npos;
}

// The server as the catalog has it now, without what its options mean.
template <class Typed>
std::shared_ptr<Known<Typed>> read_server(const std::string& name, std::string_view wrapper) {
    const char* text = name.c_str();
    struct Found {
        ForeignServer* server;
        const char* wrapper;
    };
    const Found found = guarded([&]() -> Found {
        ForeignServer* row = GetForeignServerByName(text, true);
        if (row == nullptr) return {nullptr, nullptr};
        return {row, GetForeignDataWrapper(row->fdwid)->fdwname};
    });
    if (found.server == nullptr || wrapper != found.wrapper) return nullptr;
    auto known = std::make_shared<Known<Typed>>();
    known->oid = found.server->serverid;
    known->owner = found.server->owner;
    known->name = name;
    known->written = to_options(found.server->options);
    return known;
}

template <class Typed, class Read>
std::shared_ptr<const Known<Typed>> find_server(Kept<std::string, Known<Typed>>& kept, std::string_view name,
                                                std::string_view wrapper, Read&& read_options) {
    if (!can_be_a_name(name)) return nullptr;
    const std::string key(name);
    return kept.find(key, [&](std::size_t& bytes) {
        auto known = read_server<Typed>(key, wrapper);
        if (known != nullptr) {
            known->options = read_options(*known);
            bytes = bytes_of(known->written);
        }
        return known;
    });
}

// A Resource that names an integration of AWS is the same one in every partition, region and account
// (asl::Resource), and so is a pattern that names one.
std::string pattern_of(std::string_view arn) {
    const auto named = asl::integration_of_arn(arn);
    if (!named) return std::string(arn);
    const std::size_t colon = named->rfind(':');
    const bool known = named->starts_with("aws-sdk:") ||
                       (colon != named->npos &&
                        asl::find_integration(named->substr(0, colon), named->substr(colon + 1)) != nullptr);
    return known ? "arn:aws:states:::" + std::string(*named) : std::string(arn);
}

// Every part is written with its length, so that different options never give the same text.
void append_part(std::string& text, std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
}

void append_options(std::string& text, std::string_view what, const std::string& name,
                    const Options& options) {
    append_part(text, what);
    append_part(text, name);
    append_part(text, std::to_string(options.size()));
    for (const auto& [key, value] : options) {
        append_part(text, key);
        append_part(text, value);
    }
}

// A hash, and what it was taken of, which stays in memory as long, so that no other object gets its address.
struct KnownHash {
    std::shared_ptr<const HttpServer> endpoint;
    std::shared_ptr<const OidcServer> issuer;
    std::shared_ptr<const UserMapping> mapping;
    std::string hash;
};

}  // namespace

std::shared_ptr<const HttpServer> find_http_server(std::string_view name) {
    static Kept<std::string, HttpServer> kept;
    return find_server(kept, name, kHttpWrapper,
                       [](const HttpServer& server) { return read_http_options(server.written); });
}

std::shared_ptr<const OidcServer> find_oidc_server(std::string_view name) {
    static Kept<std::string, OidcServer> kept;
    return find_server(kept, name, kOidcWrapper, [](const OidcServer& server) {
        return read_issuer_options(server.name, server.written);
    });
}

std::shared_ptr<const OidcServer> find_oidc_server(Oid oid) {
    const char* name = guarded([&]() -> const char* {
        const ForeignServer* row = GetForeignServerExtended(oid, FSV_MISSING_OK);
        return row == nullptr ? nullptr : row->servername;
    });
    return name == nullptr ? nullptr : find_oidc_server(std::string_view(name));
}

std::shared_ptr<const UserMapping> find_mapping(Oid role, Oid server) {
    static Kept<std::pair<Oid, Oid>, UserMapping> kept;
    return kept.find({role, server}, [&](std::size_t& bytes) -> std::shared_ptr<const UserMapping> {
        struct Found {
            bool exists;
            List* options;
        };
        const Found found = guarded([&]() -> Found {
            HeapTuple tuple =
                SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(role), ObjectIdGetDatum(server));
            if (!HeapTupleIsValid(tuple)) return {false, NIL};
            bool is_null = false;
            Datum options =
                SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &is_null);
            List* list =
                is_null ? NIL : untransformRelOptions(PointerGetDatum(DatumGetArrayTypePCopy(options)));
            ReleaseSysCache(tuple);
            return {true, list};
        });
        if (!found.exists) return nullptr;
        auto mapping = std::make_shared<UserMapping>();
        mapping->written = to_options(found.options);
        mapping->options = read_registration_options(mapping->written);
        bytes = bytes_of(mapping->written);
        return mapping;
    });
}

std::shared_ptr<const std::vector<CoveredArn>> covered_arns() {
    static Kept<int, std::vector<CoveredArn>> kept;
    return kept.find(0, [](std::size_t& bytes) {
        auto arns = std::make_shared<std::vector<CoveredArn>>();
        for (ListedServer& server : list_servers(kHttpWrapper)) {
            auto pattern = if_set(server.options, "arn");
            if (!pattern) continue;
            bytes += sizeof(CoveredArn) + pattern->size() + server.name.size();
            arns->push_back({pattern_of(*pattern), std::move(server.name)});
        }
        return arns;
    });
}

std::string options_hash(const std::shared_ptr<const HttpServer>& endpoint,
                         const std::shared_ptr<const OidcServer>& issuer,
                         const std::shared_ptr<const UserMapping>& mapping, const std::string& mapping_of) {
    using Key = std::pair<std::array<const void*, 3>, std::string>;
    static Kept<Key, KnownHash> kept;
    const Key key{{endpoint.get(), issuer.get(), mapping.get()}, mapping_of};
    return kept
        .find(key,
              [&](std::size_t& bytes) {
                  std::string text;
                  append_options(text, "endpoint", endpoint->name, endpoint->written);
                  if (issuer) append_options(text, "issuer", issuer->name, issuer->written);
                  if (mapping) append_options(text, "mapping", mapping_of, mapping->written);
                  bytes = kBytesBeside + text.size();
                  return std::make_shared<KnownHash>(
                      KnownHash{endpoint, issuer, mapping, net::hex_encode(net::sha256(text))});
              })
        ->hash;
}

}  // namespace flowctl::pg
