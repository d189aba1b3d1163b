// Egress policy: which network addresses may be called.
//
// The rule: https to public addresses is allowed. Everything else is allowed only where flowctl.egress_allow
// holds the address: private, loopback, link-local, reserved and documentation addresses, tunnels into such, and
// plain http to any address. An item of that list is an address or a CIDR, and may end in =role, which limits it to
// flows that run as this role:
//
//     127.0.0.1, 10.1.0.0/16=billing, fd00:1::/64="Some Role", 169.254.169.254/32=aws
//
// Some addresses hand out credentials to whoever asks: link-local ones, and the metadata services of clouds. An
// item holds such an address only if it is that very address. IPv6 forms that stand for an IPv4 address (mapped,
// NAT64) count as the IPv4 address. Invariant: an address that is not recognised as public is not public.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct sockaddr;

namespace flowctl::net {

// An IPv4 or IPv6 address in one form: IPv4 is kept as IPv4-mapped IPv6, NAT64's well-known prefix is turned
// into it.
class Address {
  public:
    static std::optional<Address> parse(std::string_view text);  // also in brackets
    static std::optional<Address> from(const sockaddr* address) noexcept;

    bool is_v4() const noexcept;
    bool is_public() const noexcept;
    bool only_by_itself() const noexcept;  // link-local or a metadata service
    bool is_link_local() const noexcept;
    bool in(const Address& network, unsigned prefix) const noexcept;  // prefix in bits of the IPv6 form
    bool ends_at(unsigned prefix) const noexcept;                     // no bit is set to the right of it
    std::string text() const;

  private:
    explicit Address(const std::array<std::uint8_t, 16>& bytes) noexcept : bytes_(bytes) {}
    std::uint32_t v4() const noexcept;

    std::array<std::uint8_t, 16> bytes_{};
};

class EgressPolicy {
  public:
    // Nothing if a connection to the address may be opened or used; else why not, as the end of a sentence.
    std::optional<std::string> objection(const Address& address, bool https, std::string_view role) const;
    // False if no address at all could be called: for refusing plain http before its name is looked up.
    bool could_allow(bool https, std::string_view role) const noexcept;

  private:
    struct Item {
        Address network;
        unsigned prefix;
        std::optional<std::string> role;
    };
    bool holds(const Address& address, std::string_view role) const noexcept;

    std::vector<Item> items_;

    friend std::variant<EgressPolicy, std::string> parse_egress_policy(std::string_view text);
};

// The policy, or a message that names the item at fault.
std::variant<EgressPolicy, std::string> parse_egress_policy(std::string_view text);

}  // namespace flowctl::net
