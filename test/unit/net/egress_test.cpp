// Egress policy: which addresses are public, and what the setting can and cannot open.
#include "net/http/egress.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace flowctl::net {
namespace {

Address address(const char* text) {
    const auto parsed = Address::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(*Address::parse("::"));
}

EgressPolicy policy(std::string_view text) {
    auto parsed = parse_egress_policy(text);
    if (const auto* what = std::get_if<std::string>(&parsed)) ADD_FAILURE() << text << ": " << *what;
    return std::holds_alternative<EgressPolicy>(parsed) ? std::get<EgressPolicy>(parsed) : EgressPolicy();
}

std::string fault(std::string_view text) {
    auto parsed = parse_egress_policy(text);
    const auto* what = std::get_if<std::string>(&parsed);
    return what != nullptr ? *what : "no fault";
}

bool allows(const EgressPolicy& rules, const char* to, bool https = true, std::string_view role = "app") {
    return !rules.objection(address(to), https, role);
}

TEST(Address, Public) {
    for (const char* text :
         {"1.1.1.1",         "8.8.8.8",         "93.184.216.34",    "9.255.255.255", "11.0.0.0",
          "100.63.255.255",  "100.128.0.0",     "126.255.255.255",  "128.0.0.0",     "169.253.255.255",
          "169.255.0.0",     "172.15.255.255",  "172.32.0.0",       "192.0.1.0",     "192.0.3.0",
          "192.167.255.255", "192.169.0.0",     "198.17.255.255",   "198.20.0.0",    "198.51.99.255",
          "203.0.112.255",   "223.255.255.255", "2606:4700::1111",  "2a00:1450::1",  "2001:4860:4860::8888",
          "2001:200::1",     "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8", "3ffe::1"})
        EXPECT_TRUE(address(text).is_public()) << text;
}

TEST(Address, NotPublic) {
    for (const char* text :
         {"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
          "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
          "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1",
          "198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
          "255.255.255.255", "100.100.100.200", "168.63.129.16",
          // IPv6
          "::", "::1", "::2", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd00::1", "fdff::1",
          "fd00:ec2::254", "fd20:ce::254", "ff02::1", "ff0e::1", "100::1", "2001:db8::1", "3fff::1",
          "3fff:fff::1", "5f00::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "4000::1", "e000::1",
          // IPv4 inside IPv6
          "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8",
          "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8",
          "2002:7f00:1::", "2002:808:808::1", "2002:a9fe:a9fe::", "2001:0:808:808::1",
          "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:10.0.0.1", "::ffff:0:127.0.0.1"})
        EXPECT_FALSE(address(text).is_public()) << text;
}

TEST(Address, OneFormForIPv4) {
    EXPECT_EQ(address("::ffff:10.0.0.1").text(), "10.0.0.1");
    EXPECT_EQ(address("64:ff9b::10.0.0.1").text(), "10.0.0.1");
    EXPECT_EQ(address("[2606:4700::1111]").text(), "2606:4700::1111");
    for (const char* text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4x", "::g", "localhost",
                             "1.2.3.4/8", " 1.2.3.4", "fe80::1%eth0"})
        EXPECT_FALSE(Address::parse(text)) << text;
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    EXPECT_FALSE(Address::from(reinterpret_cast<const sockaddr*>(&local)));
}

TEST(EgressPolicy, EmptyOpensNothing) {
    const EgressPolicy none = policy("");
    EXPECT_TRUE(allows(none, "8.8.8.8"));
    EXPECT_TRUE(allows(none, "2606:4700::1111"));
    EXPECT_FALSE(allows(none, "8.8.8.8", false));
    EXPECT_FALSE(allows(none, "127.0.0.1"));
    EXPECT_FALSE(allows(none, "169.254.169.254"));
    EXPECT_FALSE(none.could_allow(false, "app"));
    EXPECT_TRUE(none.could_allow(true, "app"));
    EXPECT_FALSE(allows(policy(" \n "), "10.0.0.1"));
}

TEST(EgressPolicy, Networks) {
    const EgressPolicy rules = policy("10.1.0.0/16, 127.0.0.1,\n192.168.0.0/25 , fd00:1::/64, 8.8.8.8/32");
    EXPECT_TRUE(allows(rules, "10.1.255.255"));
    EXPECT_TRUE(allows(rules, "10.1.0.1", false)) << "plain http to a listed address";
    EXPECT_FALSE(allows(rules, "10.2.0.1"));
    EXPECT_TRUE(allows(rules, "127.0.0.1"));
    EXPECT_FALSE(allows(rules, "127.0.0.2"));
    EXPECT_TRUE(allows(rules, "192.168.0.127"));
    EXPECT_FALSE(allows(rules, "192.168.0.128"));
    EXPECT_TRUE(allows(rules, "fd00:1::5"));
    EXPECT_FALSE(allows(rules, "fd00:1:0:1::5"));
    EXPECT_TRUE(allows(rules, "8.8.8.8", false));
    EXPECT_FALSE(allows(rules, "8.8.4.4", false));
    EXPECT_TRUE(allows(rules, "::ffff:10.1.0.1")) << "the same address in another form";
    EXPECT_TRUE(allows(rules, "64:ff9b::10.1.0.1"));
    EXPECT_TRUE(allows(policy("::ffff:10.0.0.0/104"), "10.5.5.5"));
    EXPECT_TRUE(allows(policy("0.0.0.0/0"), "10.5.5.5"));
    EXPECT_TRUE(allows(policy("::ffff:0.0.0.0/96"), "10.5.5.5")) << "the same in its other form";
    EXPECT_NE(fault("::ffff:0.0.0.0/95"), "no fault");
    EXPECT_FALSE(allows(policy("0.0.0.0/0"), "fd00::1"));
    EXPECT_TRUE(allows(policy("::/0"), "fd00::1"));
    EXPECT_FALSE(allows(policy("::/0"), "10.0.0.1")) << "all of IPv6 is not IPv4";
}

TEST(EgressPolicy, Roles) {
    const EgressPolicy rules =
        policy("10.0.0.0/8=billing, 127.0.0.1, 10.9.0.0/16=\"Odd, \"\"Role\"\"\", 1.1.1.1=Ops");
    EXPECT_TRUE(allows(rules, "10.0.0.1", true, "billing"));
    EXPECT_FALSE(allows(rules, "10.0.0.1", true, "app"));
    EXPECT_FALSE(allows(rules, "10.0.0.1", true, ""));
    EXPECT_TRUE(allows(rules, "127.0.0.1", true, "app"));
    EXPECT_TRUE(allows(rules, "10.9.0.1", true, "Odd, \"Role\""));
    EXPECT_FALSE(allows(rules, "10.8.0.1", true, "Odd, \"Role\""));
    EXPECT_TRUE(allows(rules, "1.1.1.1", false, "ops")) << "unquoted names are folded, as in SQL";
    EXPECT_TRUE(rules.could_allow(false, "app"));
    EXPECT_FALSE(policy("10.0.0.0/8=billing").could_allow(false, "app"));
    EXPECT_TRUE(policy("10.0.0.0/8=billing").could_allow(false, "billing"));
}

TEST(EgressPolicy, LinkLocalAndMetadataOnlyByThemselves) {
    const EgressPolicy wide =
        policy("0.0.0.0/0, ::/0, 169.0.0.0/8, fd00::/8, fd00:ec2::/32, 168.63.0.0/16, 2000::/3");
    for (const char* text :
         {"169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "192.0.0.192",
          "168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1",
          "2001:0:1:1::5601:5601", "64:ff9b:1::169.254.169.254"}) {
        EXPECT_FALSE(allows(wide, text)) << text;
        EXPECT_FALSE(allows(wide, text, false)) << text;
        EXPECT_TRUE(allows(policy(text), text)) << text;
    }
    EXPECT_TRUE(allows(policy("169.254.169.254/32"), "169.254.169.254", false));
    EXPECT_FALSE(allows(policy("169.254.169.254/32=aws"), "169.254.169.254"));
    EXPECT_TRUE(allows(policy("169.254.169.254/32=aws"), "169.254.169.254", false, "aws"));
    EXPECT_TRUE(allows(policy("fd00:ec2::254/128"), "fd00:ec2::254"));
}

TEST(EgressPolicy, FaultsNameTheItem) {
    EXPECT_NE(fault("10.0.0.0/8, banana").find("\"banana\""), std::string::npos)
        << fault("10.0.0.0/8, banana");
    for (const char* text : {"banana",
                             "10.0.0.0/33",
                             "10.0.0.0/-1",
                             "10.0.0.0/",
                             "10.0.0.0/8x",
                             "10.0.0.0/ 8",
                             "10.1.0.0/8",
                             "10.0.0.1/31",
                             "::/129",
                             "fd00::1/64",
                             "10.0.0.0/8=",
                             "10.0.0.0/8=a b",
                             "10.0.0.0/8=\"a",
                             "10.0.0.0/8=\"a\"b\"",
                             "10.0.0.0/8=a=b",
                             "=app",
                             "/8",
                             "10.0.0.0/8,",
                             ",",
                             "10.0.0.0/8,,1.1.1.1",
                             ",1.1.1.1",
                             "10.0.0.0/8 1.1.1.1",
                             "169.254.0.0/16",
                             "169.254.169.0/24",
                             "fe80::/10",
                             "fe80::/64=x",
                             "[::1]",
                             "::ffff:0:0/95",
                             "10.0.0.0/8;1.1.1.1",
                             "10.0.0.0/99999999999",
                             "localhost"})
        EXPECT_NE(fault(text), "no fault") << text;
    EXPECT_LT(fault(std::string(100000, 'x')).size(), 400u);
}

}  // namespace
}  // namespace flowctl::net
