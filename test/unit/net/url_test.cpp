// URLs: what is let in, what it is taken for, and that a caller's path stays below its base.
#include "net/http/url.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace flowctl::net {
namespace {

Url url(std::string_view text) {
    auto parsed = split_url(text);
    if (const auto* what = std::get_if<std::string>(&parsed)) {
        ADD_FAILURE() << text << " " << *what;
        return {};
    }
    return std::get<Url>(parsed);
}

TEST(Url, Splits) {
    const Url parsed = url("https://Billing.Example:8443/charges/a%20b?x=1&y=%2F");
    EXPECT_EQ(parsed.scheme, "https");
    EXPECT_EQ(parsed.host, "billing.example");
    EXPECT_EQ(parsed.port, 8443);
    EXPECT_EQ(parsed.path, "/charges/a%20b");
    EXPECT_EQ(parsed.query, "x=1&y=%2F");
    EXPECT_EQ(parsed.origin(), "https://billing.example:8443");
    EXPECT_EQ(parsed.text(), "https://billing.example:8443/charges/a%20b?x=1&y=%2F");
}

TEST(Url, Defaults) {
    EXPECT_EQ(url("https://a.example").text(), "https://a.example/");
    EXPECT_EQ(url("https://a.example:443/x").text(), "https://a.example/x");
    EXPECT_EQ(url("HTTP://a.example").port, 80);
    EXPECT_EQ(url("http://a.example:443/").text(), "http://a.example:443/");
    EXPECT_EQ(url("https://[::1]:8443/").host, "[::1]");
    EXPECT_EQ(url("https://a.example?x").text(), "https://a.example/?x");
}

// Spellings of 127.0.0.1 that a resolver would understand are seen as the address they are.
TEST(Url, NormalisesOddAddresses) {
    for (const char* host : {"127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001"})
        EXPECT_EQ(url("https://" + std::string(host) + "/").host, "127.0.0.1") << host;
}

TEST(Url, Refuses) {
    for (const char* text : {"",
                             "billing.example/x",
                             "ftp://a.example/",
                             "file:///etc/passwd",
                             "https://",
                             "https:///x",
                             "https:/a.example/",
                             "https:a.example",
                             "https://user@a.example/",
                             "https://user:pw@a.example/",
                             "https://a.example/#x",
                             "https://a.example/x#",
                             "https://a.example/ x",
                             "https://a.example/\nx",
                             "https://a.exa\tmple/",
                             "https://a.example:0/",
                             "https://a.example:65536/",
                             "https://a.example:x/",
                             "https://a.example\\@b.example/",
                             "https://b\u00fccher.example/",
                             "https://[fe80::1%25eth0]/",
                             "https://[::1/",
                             "https://a b/",
                             "https://a%00b.example/",
                             "javascript:alert(1)",
                             "https://%ec/",
                             "https://a%2fb/",
                             "https://a%40b.example/",
                             "https://[::1%5d/"})
        EXPECT_TRUE(std::holds_alternative<std::string>(split_url(text))) << text;
    EXPECT_TRUE(
        std::holds_alternative<std::string>(split_url("https://a.example/" + std::string(9000, 'x'))));
    EXPECT_TRUE(
        std::holds_alternative<std::string>(split_url(std::string_view("https://a.example/\0x", 20))));
}

TEST(Url, TextIsStable) {
    for (const char* text : {"https://a.example/./x/../y", "https://a.example//x",
                             "https://a.example/%2e%2E/x?a=b?c", "http://[2001:db8::1]:81/a;b=c"}) {
        const Url once = url(text);
        const Url twice = url(once.text());
        EXPECT_EQ(once.text(), twice.text());
        EXPECT_EQ(once.path, twice.path);
    }
    EXPECT_EQ(url("https://a.example/./x/../y").path, "/./x/../y") << "as given";
}

std::string join(std::string_view base, std::string_view path) {
    auto joined = join_path(url(base), path);
    if (const auto* what = std::get_if<std::string>(&joined)) return "refused: " + *what;
    return std::get<Url>(joined).text();
}

TEST(SplitUrl, LongestHost) {
    std::string host = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' + std::string(63, 'c') + '.';
    host += std::string(253 - host.size(), 'd');
    EXPECT_EQ(split_url("https://" + host + "/").index(), 0u);
    EXPECT_EQ(split_url("https://" + host + "d/").index(), 1u);
    const std::string path(8192 - 18, 'x');
    EXPECT_EQ(split_url("https://a.example/" + path).index(), 0u);
    EXPECT_EQ(split_url("https://a.example/" + path + 'x').index(), 1u);
    for (const char* url : {"https://", "https:///x", "https://:8443/", "https://?q"})
        EXPECT_EQ(split_url(url).index(), 1u) << url;
}

TEST(JoinPath, GoesBelowTheBase) {
    EXPECT_EQ(join("https://a.example", "x"), "https://a.example/x");
    EXPECT_EQ(join("https://a.example/", "/x"), "https://a.example/x");
    EXPECT_EQ(join("https://a.example/v1", "x/y"), "https://a.example/v1/x/y");
    EXPECT_EQ(join("https://a.example/v1/", "/x/"), "https://a.example/v1/x/");
    EXPECT_EQ(join("https://a.example/v1?k=1", "x"), "https://a.example/v1/x?k=1");
    EXPECT_EQ(join("https://a.example/v1", ""), "https://a.example/v1");
    EXPECT_EQ(join("https://a.example/v1", "/"), "https://a.example/v1/");
    EXPECT_EQ(join("https://a.example/v1", "a%2Fb"), "https://a.example/v1/a%2Fb");
    EXPECT_EQ(join("https://a.example/v1", "..."), "https://a.example/v1/...");
    EXPECT_EQ(join("https://a.example/v1", "a..b/.c"), "https://a.example/v1/a..b/.c");
    EXPECT_EQ(join("https://a.example/v1", "a b\"<\u00fc>"), "https://a.example/v1/a%20b%22%3C%C3%BC%3E");
    EXPECT_EQ(join("https://a.example/v1", "a:b;c=d,e+f"), "https://a.example/v1/a:b;c=d,e+f");
    EXPECT_EQ(join("https://a.example/v1", "x%40y"), "https://a.example/v1/x%40y");
    // The shortest forms of UTF-8, and bytes of other encodings.
    for (const char* path :
         {"%c2%80", "%e0%a0%80", "%ed%9f%bf", "%f0%90%80%80", "%c0", "%c0x", "%e9t%e9", "%e0", "%f0"})
        EXPECT_EQ(join("https://a.example/v1", path), "https://a.example/v1/" + std::string(path)) << path;
}

TEST(JoinPath, RefusesWhatLeadsElsewhere) {
    for (const char* path : {"//evil.example/",
                             "a//b",
                             "//",
                             "\\evil",
                             "a\\b",
                             "user@evil",
                             "@",
                             "..",
                             ".",
                             "../x",
                             "x/..",
                             "x/./y",
                             "/../x",
                             "%2e%2e/x",
                             "%2E%2e",
                             ".%2e/x",
                             "%2e/x",
                             "%252e%252e/x",
                             "%25252e%25252e/x",
                             "x/..;a=b/y",
                             "..;",
                             "x%2f..%2fy",
                             "x%2F%2E%2E%2Fy",
                             "x%5c..%5cy",
                             "a%5Cb",
                             "a%255cb",
                             "a\rb",
                             "a\nb",
                             "a%0d%0aX: y",
                             "a%0Ab",
                             "a%250ab",
                             "a%00b",
                             "%c0%ae%c0%ae/x",
                             "\xc0\xae\xc0\xae/x",
                             "x%C0%AF..",
                             "%25c0%25ae",
                             "%c1%9c",
                             "%e0%80%ae%e0%80%ae",
                             "%e0%9f%bf",
                             "%f0%80%80%ae",
                             "%f0%8f%bf%bf",
                             "a\tb",
                             "a\x7f",
                             "x?y",
                             "x#y",
                             "a%",
                             "a%2",
                             "a%zz",
                             "%"})
        EXPECT_TRUE(join("https://a.example/v1", path).starts_with("refused: "))
            << path << " gave " << join("https://a.example/v1", path);
    EXPECT_TRUE(join("https://a.example/v1", std::string_view("a\0b", 3)).starts_with("refused: "));
    EXPECT_TRUE(join("https://a.example/v1", std::string(9000, 'x')).starts_with("refused: "));
    EXPECT_TRUE(join("https://a.example/v1", "%2525252525252525252541").starts_with("refused: "));
}

TEST(LiesUnder, OriginAndPath) {
    const Url base = url("https://a.example/v1/charges");
    EXPECT_TRUE(lies_under(base, url("https://a.example/v1/charges")));
    EXPECT_TRUE(lies_under(base, url("https://A.example:443/v1/charges/7?x=1")));
    EXPECT_FALSE(lies_under(base, url("https://a.example/v1/chargesx")));
    EXPECT_FALSE(lies_under(base, url("https://a.example/v1")));
    EXPECT_FALSE(lies_under(base, url("https://a.example/V1/charges")));
    EXPECT_FALSE(lies_under(base, url("http://a.example/v1/charges")));
    EXPECT_FALSE(lies_under(base, url("https://a.example:444/v1/charges")));
    EXPECT_FALSE(lies_under(base, url("https://b.example/v1/charges")));
    EXPECT_FALSE(lies_under(base, url("https://a.example/v1/charges/../admin")));
    EXPECT_FALSE(lies_under(base, url("https://a.example/v1/charges/%2e%2e/admin")));
    EXPECT_TRUE(lies_under(url("https://a.example"), url("https://a.example/x")));
}

TEST(ResolveReference, AsLocationHeadersAre) {
    const Url base = url("https://a.example/v1/x?y=1");
    const auto to = [&](std::string_view reference) {
        auto target = resolve_reference(base, reference);
        if (const auto* what = std::get_if<std::string>(&target)) return "refused: " + *what;
        return std::get<Url>(target).text();
    };
    EXPECT_EQ(to("/z?q=2"), "https://a.example/z?q=2");
    EXPECT_EQ(to("z"), "https://a.example/v1/z");
    EXPECT_EQ(to("https://b.example/z"), "https://b.example/z");
    EXPECT_EQ(to("//b.example/z"), "https://b.example/z");
    EXPECT_EQ(to("/z#part"), "https://a.example/z");
    EXPECT_TRUE(to("ftp://b.example/z").starts_with("refused"));
    EXPECT_TRUE(to("https://u:p@a.example/z").starts_with("refused"));
    EXPECT_TRUE(to("/a\nb").starts_with("refused"));
}

TEST(Query, Encodes) {
    EXPECT_EQ(encode_query({}), "");
    EXPECT_EQ(encode_query({{"a", "1"}, {"b c", "x&y=z+#"}, {"\u00fc", ""}}),
              "a=1&b%20c=x%26y%3Dz%2B%23&%C3%BC=");
    Url target = url("https://a.example/x?k=1");
    add_query(target, encode_query({{"a", "2"}}));
    EXPECT_EQ(target.text(), "https://a.example/x?k=1&a=2");
    add_query(target, "");
    EXPECT_EQ(target.query, "k=1&a=2");
}

// Random changes of sound and unsound texts: what is let in is stable and stays below its base.
TEST(Url, RandomChanges) {
    std::mt19937 random(20240501);
    const std::vector<std::string> seeds = {"https://a.example:8443/b/../c%2e%2e?d=e",
                                            "http://[::ffff:1.2.3.4]/x;y",
                                            "https://%61.example/%252e%252e/@\\//#?",
                                            "x/%2e%2e/y",
                                            "a;b/..;c/%5c%2f",
                                            "https://0x7f.1/\xc3\xbc \r\n"};
    const std::string spice = "%2eE5cCfF/\\.;@?#: \r\n[]0";
    const Url base = url("https://a.example/v1?k=1");
    int accepted = 0;
    for (int round = 0; round < 50000; ++round) {
        std::string text = seeds[random() % seeds.size()];
        for (unsigned changes = random() % 6; changes > 0; --changes) {
            const std::size_t at = random() % (text.size() + 1);
            if (random() % 3 == 0)
                text.erase(at, 1 + random() % 4);
            else
                text.insert(at, 1,
                            random() % 8 == 0 ? static_cast<char>(random()) : spice[random() % spice.size()]);
        }
        if (const auto parsed = split_url(text); std::holds_alternative<Url>(parsed)) {
            const Url& once = std::get<Url>(parsed);
            const Url twice = url(once.text());
            ASSERT_TRUE(once.same_origin(twice) && once.path == twice.path && once.query == twice.query)
                << text;
            ++accepted;
        }
        if (const auto joined = join_path(base, text); std::holds_alternative<Url>(joined)) {
            const Url& below = std::get<Url>(joined);
            ASSERT_TRUE(lies_under(base, below)) << text;
            ASSERT_EQ(url(below.text()).path, below.path) << text;
            ++accepted;
        }
    }
    EXPECT_GT(accepted, 1000) << "changes that are never sound test nothing";
}

}  // namespace
}  // namespace flowctl::net
