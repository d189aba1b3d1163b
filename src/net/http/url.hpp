// URLs are taken apart once, by the same parser that curl uses, so that the host that is checked is the host that
// is called.
//
// Invariants: a Url is http or https, printable ASCII, without user name, password and fragment; its host is
// in lower case and an IPv4 address is in its plain form (0x7f.1 becomes 127.0.0.1); text() gives back an
// equal Url. A path that a caller hands in can only lead below the base it is joined to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "net/crypto/encoding.hpp"

namespace flowctl::net {

struct Url {
    std::string scheme;  // "https" or "http"
    std::string host;    // an IPv6 address keeps its brackets
    std::uint16_t port = 443;
    std::string path;   // begins with '/', percent-encoded as given
    std::string query;  // without '?'

    std::string origin() const;  // scheme, host and, where it is not the scheme's own, port
    std::string text() const;
    bool same_origin(const Url& other) const noexcept;
};

// The parts, or what is wrong with the text (a phrase that can follow "url: ").
std::variant<Url, std::string> split_url(std::string_view text);

// What a Location header leads to from base. Its fragment is dropped.
std::variant<Url, std::string> resolve_reference(const Url& base, std::string_view reference);

// Base with the path joined below its own; or why not. Refused are "//", '\', '@', '?', '#', control
// characters, broken percent-encoding and dot segments, also when they are encoded (several times, with path
// parameters, behind an encoded slash). Spaces and bytes beyond ASCII are percent-encoded. An empty path is
// the base itself.
std::variant<Url, std::string> join_path(const Url& base, std::string_view path);

// True if the url has the base's scheme, host and port, lies at or under its path, and holds nothing that
// join_path refuses.
bool lies_under(const Url& base, const Url& url);

// name=value&..., percent-encoded as RFC 3986 says: all but unreserved characters, a space as %20.
std::string encode_query(const std::vector<std::pair<std::string, std::string>>& parameters);

// Adds encoded parameters behind those that the url has.
void add_query(Url& url, std::string_view encoded);

}  // namespace flowctl::net
