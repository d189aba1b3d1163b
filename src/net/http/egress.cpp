// Egress policy. See egress.hpp.
//
// The table of special networks follows IANA's special-purpose registries. IPv6 is judged the other way
// round: only 2000::/3 is public, minus what the table takes out of it. Tunnel addresses (6to4, Teredo,
// ISATAP) are never public.
#include "net/http/egress.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ascii.hpp"

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxItems = 10000;
constexpr unsigned kMappedBits = 96;

constexpr std::uint32_t ipv4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24 | b << 16 | c << 8 | d;
}

struct Network4 {
    std::uint32_t base;
    unsigned prefix;
};

constexpr Network4 kSpecial4[] = {
    {ipv4(0, 0, 0, 0), 8},        // "this network"; Linux takes 0.0.0.0 for loopback
    {ipv4(10, 0, 0, 0), 8},       // private
    {ipv4(100, 64, 0, 0), 10},    // carrier-grade NAT
    {ipv4(127, 0, 0, 0), 8},      // loopback
    {ipv4(169, 254, 0, 0), 16},   // link-local
    {ipv4(172, 16, 0, 0), 12},    // private
    {ipv4(192, 0, 0, 0), 24},     // protocol assignments
    {ipv4(192, 0, 2, 0), 24},     // documentation
    {ipv4(192, 88, 99, 0), 24},   // 6to4 relays
    {ipv4(192, 168, 0, 0), 16},   // private
    {ipv4(198, 18, 0, 0), 15},    // benchmarks
    {ipv4(198, 51, 100, 0), 24},  // documentation
    {ipv4(203, 0, 113, 0), 24},   // documentation
    {ipv4(224, 0, 0, 0), 4},      // multicast
    {ipv4(240, 0, 0, 0), 4},      // reserved, broadcast
};

// Metadata and host services of clouds: AWS, GCP, Azure and others; Alibaba; Oracle; Azure's wire server.
constexpr std::uint32_t kMetadata4[] = {ipv4(169, 254, 169, 254), ipv4(100, 100, 100, 200),
                                        ipv4(192, 0, 0, 192), ipv4(168, 63, 129, 16)};

struct Network6 {
    const char* base;
    unsigned prefix;
};

constexpr Network6 kSpecial6[] = {
    {"2001::", 23},      // protocol assignments: Teredo, benchmarks, ORCHID
    {"2001:db8::", 32},  // documentation
    {"2002::", 16},      // 6to4
    {"3fff::", 20},      // documentation
};

// AWS, GCP, Scaleway.
constexpr const char* kMetadata6[] = {"fd00:ec2::254", "fd20:ce::254", "fd00:42::42"};

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
constexpr std::array<std::uint8_t, 6> kLocalNat64 = {0, 0x64, 0xff, 0x9b, 0, 1};

bool in4(std::uint32_t address, const Network4& network) noexcept {
    return (address ^ network.base) >> (32 - network.prefix) == 0;
}

bool is_link_local4(std::uint32_t address) noexcept {
    return in4(address, {ipv4(169, 254, 0, 0), 16});
}

bool only_by_itself4(std::uint32_t address) noexcept {
    return is_link_local4(address) ||
           std::find(std::begin(kMetadata4), std::end(kMetadata4), address) != std::end(kMetadata4);
}

bool same_bits(const std::uint8_t* a, const std::uint8_t* b, unsigned bits) noexcept {
    const unsigned whole = bits / 8;
    if (std::memcmp(a, b, whole) != 0) return false;
    const unsigned rest = bits % 8;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool in6(const std::array<std::uint8_t, 16>& address, const char* base, unsigned prefix) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    return inet_pton(AF_INET6, base, bytes.data()) == 1 && same_bits(address.data(), bytes.data(), prefix);
}

std::uint32_t word(const std::array<std::uint8_t, 16>& bytes, std::size_t at) noexcept {
    return ipv4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

// The IPv4 address that a tunnel's or translator's IPv6 address leads to.
std::optional<std::uint32_t> embedded4(const std::array<std::uint8_t, 16>& bytes) noexcept {
    if (bytes[0] == 0x20 && bytes[1] == 0x02) return word(bytes, 2);  // 6to4
    if (word(bytes, 0) == 0x20010000) return ~word(bytes, 12);        // Teredo
    if (std::equal(kLocalNat64.begin(), kLocalNat64.end(), bytes.begin())) return word(bytes, 12);
    if ((word(bytes, 8) & ~0x02000000U) == 0x00005efe) return word(bytes, 12);  // ISATAP
    if (word(bytes, 0) == 0 && word(bytes, 4) == 0 && word(bytes, 8) == 0)
        return word(bytes, 12);  // compatible
    return std::nullopt;
}

std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view kSpace = " \t\n\r\f\v";
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Cuts the first item off the list; a comma inside double quotes does not end it.
std::string_view next_item(std::string_view& rest) noexcept {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < rest.size() && (quoted || rest[end] != ','); ++end)
        if (rest[end] == '"') quoted = !quoted;
    const std::string_view item = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return trim(item);
}

// A role name as SQL writes identifiers: folded to lower case unless quoted.
std::optional<std::string> read_role(std::string_view text) {
    std::string role;
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '"' && (++i == text.size() || text[i] != '"')) return std::nullopt;
            role += text[i];
        }
    } else {
        if (text.find_first_of("\"= ") != text.npos) return std::nullopt;
        role = ascii_lower(text);
    }
    if (role.empty()) return std::nullopt;
    return role;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    if (text.empty() || text.size() > INET6_ADDRSTRLEN) return std::nullopt;
    const std::string terminated(text);
    if (terminated.find('\0') != terminated.npos) return std::nullopt;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, terminated.c_str(), &v4.sin_addr) == 1)
        return from(reinterpret_cast<const sockaddr*>(&v4));
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    if (inet_pton(AF_INET6, terminated.c_str(), &v6.sin6_addr) == 1)
        return from(reinterpret_cast<const sockaddr*>(&v6));
    return std::nullopt;
}

std::optional<Address> Address::from(const sockaddr* address) noexcept {
    std::array<std::uint8_t, 16> bytes{};
    if (address->sa_family == AF_INET) {
        sockaddr_in v4;
        std::memcpy(&v4, address, sizeof v4);
        std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
        std::memcpy(bytes.data() + 12, &v4.sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, address, sizeof v6);
        std::memcpy(bytes.data(), &v6.sin6_addr, 16);
        if (std::equal(kNat64.begin(), kNat64.end(), bytes.begin()))
            std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
    } else {
        return std::nullopt;
    }
    return Address(bytes);
}

bool Address::is_v4() const noexcept {
    return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin());
}

std::uint32_t Address::v4() const noexcept {
    return word(bytes_, 12);
}

bool Address::is_public() const noexcept {
    if (only_by_itself()) return false;
    if (is_v4())
        return std::none_of(std::begin(kSpecial4), std::end(kSpecial4),
                            [this](const Network4& network) { return in4(v4(), network); });
    if (!in6(bytes_, "2000::", 3) || embedded4(bytes_)) return false;
    return std::none_of(std::begin(kSpecial6), std::end(kSpecial6), [this](const Network6& network) {
        return in6(bytes_, network.base, network.prefix);
    });
}

bool Address::only_by_itself() const noexcept {
    if (is_v4()) return only_by_itself4(v4());
    if (is_link_local()) return true;
    if (std::any_of(std::begin(kMetadata6), std::end(kMetadata6),
                    [this](const char* address) { return in6(bytes_, address, 128); }))
        return true;
    const auto inner = embedded4(bytes_);
    return inner && only_by_itself4(*inner);
}

bool Address::is_link_local() const noexcept {
    return is_v4() ? is_link_local4(v4()) : in6(bytes_, "fe80::", 10);
}

bool Address::in(const Address& network, unsigned prefix) const noexcept {
    return same_bits(bytes_.data(), network.bytes_.data(), prefix);
}

bool Address::ends_at(unsigned prefix) const noexcept {
    for (unsigned bit = prefix; bit < 128; ++bit)
        if (bytes_[bit / 8] >> (7 - bit % 8) & 1) return false;
    return true;
}

std::string Address::text() const {
    char out[INET6_ADDRSTRLEN] = "";
    if (is_v4())
        inet_ntop(AF_INET, bytes_.data() + 12, out, sizeof out);
    else
        inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
    return out;
}

bool EgressPolicy::holds(const Address& address, std::string_view role) const noexcept {
    const bool exact = address.only_by_itself();
    return std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
        if (item.role && *item.role != role) return false;
        if (exact && item.prefix != 128) return false;
        // "::/0" is about IPv6; it does not open IPv4 by way of the mapped form.
        if (item.prefix < kMappedBits && address.is_v4()) return false;
        return address.in(item.network, item.prefix);
    });
}

std::optional<std::string> EgressPolicy::objection(const Address& address, bool https,
                                                   std::string_view role) const {
    if (https && address.is_public()) return std::nullopt;
    if (holds(address, role)) return std::nullopt;
    if (address.is_public()) return "plain http to " + address.text() + " is not in flowctl.egress_allow";
    if (address.only_by_itself())
        return address.text() + " is a link-local or metadata address and not itself in flowctl.egress_allow";
    return address.text() + " is not a public address and not in flowctl.egress_allow";
}

bool EgressPolicy::could_allow(bool https, std::string_view role) const noexcept {
    return https || std::any_of(items_.begin(), items_.end(),
                                [&](const Item& item) { return !item.role || *item.role == role; });
}

std::variant<EgressPolicy, std::string> parse_egress_policy(std::string_view text) {
    EgressPolicy policy;
    std::string_view rest = trim(text);
    if (!rest.empty() && rest.back() == ',') return std::string("ends in a comma");
    while (!rest.empty()) {
        const std::string_view item = next_item(rest);
        const auto fault = [&](std::string_view what) {
            return "item \"" + std::string(item.substr(0, 200)) + "\" " + std::string(what);
        };
        if (item.empty()) return std::string("holds an empty item");
        if (policy.items_.size() == kMaxItems)
            return "holds more than " + std::to_string(kMaxItems) + " items";

        std::string_view network_text = item;
        std::optional<std::string> role;
        if (const std::size_t equals = item.find('='); equals != item.npos) {
            role = read_role(trim(item.substr(equals + 1)));
            if (!role) return fault("has no valid role name behind \"=\"");
            network_text = trim(item.substr(0, equals));
        }
        const std::size_t slash = network_text.find('/');
        const std::string_view address_text = network_text.substr(0, slash);
        const auto network = Address::parse(address_text);
        if (!network || address_text.front() == '[') return fault("does not begin with an IP address");

        // A prefix counts bits of the form it was written in; we keep bits of the IPv6 form.
        const bool written_v4 = address_text.find(':') == address_text.npos;
        unsigned prefix = written_v4 ? 32 : 128;
        if (slash != network_text.npos) {
            const std::string_view bits = network_text.substr(slash + 1);
            unsigned given = 0;
            const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), given);
            if (bits.empty() || error != std::errc() || end != bits.data() + bits.size() || given > prefix)
                return fault("has no valid prefix length");
            prefix = given;
        }
        if (written_v4) prefix += kMappedBits;
        if (!written_v4 && network->is_v4() && prefix < kMappedBits)
            return fault("has a prefix too short for an IPv4 address in IPv6 form");
        if (!network->ends_at(prefix)) return fault("has bits set to the right of its prefix");
        if (prefix < 128 && network->is_link_local() && prefix >= (network->is_v4() ? kMappedBits + 16 : 10))
            return fault("covers link-local addresses, which must be listed one by one");
        policy.items_.push_back({*network, prefix, std::move(role)});
    }
    return policy;
}

}  // namespace flowctl::net
