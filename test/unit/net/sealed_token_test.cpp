// Tokens with a code: made the same every time, refused when one byte is off.
#include "net/crypto/sealed_token.hpp"

#include <gtest/gtest.h>

#include <set>

namespace flowctl::net {
namespace {

TokenKey key(std::string_view content, KeptBy kept_by = KeptBy::Worker) {
    return TokenKey(Secret(content), kept_by);
}

Uuid id(std::uint8_t first) {
    Uuid made{};
    made[0] = first;
    made[15] = 7;
    return made;
}

TEST(SealedToken, NamesItsRunAndPlace) {
    const TokenKey one = key("the first key");
    const std::string text = seal_token(one, id(1), id(2));
    EXPECT_EQ(text.size(), 96u);
    const auto token = read_token(text);
    ASSERT_TRUE(token);
    EXPECT_EQ(token->run, id(1));
    EXPECT_EQ(token->place, id(2));
    EXPECT_TRUE(is_made_by(*token, one));
}

TEST(SealedToken, IsTheSameWhoeverMakesIt) {
    const std::string text = seal_token(key("k"), id(1), id(2));
    EXPECT_EQ(text, seal_token(key("k"), id(1), id(2)));
    EXPECT_EQ(text, seal_token(key("k", KeptBy::Session), id(1), id(2)));
    EXPECT_TRUE(is_made_by(*read_token(text), key("k", KeptBy::Session)));
}

TEST(SealedToken, DiffersByKeyRunAndPlace) {
    std::set<std::string> all;
    for (const char* content : {"a", "b"})
        for (std::uint8_t run : {1, 2})
            for (std::uint8_t place : {1, 2})
                all.insert(seal_token(key(content), id(run), id(place)));
    EXPECT_EQ(all.size(), 8u);
}

TEST(SealedToken, OfAnotherKeyIsNotGenuine) {
    const auto token = read_token(seal_token(key("a"), id(1), id(2)));
    EXPECT_FALSE(is_made_by(*token, key("b")));
}

TEST(SealedToken, OneCharacterOffIsNotGenuine) {
    const TokenKey one = key("the first key");
    const std::string text = seal_token(one, id(1), id(2));
    for (std::size_t at = 0; at < text.size(); at++) {
        std::string changed = text;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        const auto token = read_token(changed);
        EXPECT_FALSE(token && is_made_by(*token, one)) << at;
    }
}

TEST(SealedToken, RefusesWhatIsNoToken) {
    const std::string text = seal_token(key("k"), id(1), id(2));
    EXPECT_FALSE(read_token(""));
    EXPECT_FALSE(read_token("x"));
    EXPECT_FALSE(read_token(text + "A"));
    EXPECT_FALSE(read_token(text + "="));
    EXPECT_FALSE(read_token(text.substr(1)));
    EXPECT_FALSE(read_token(" " + text.substr(1)));
    EXPECT_FALSE(read_token(std::string(96, '!')));
    EXPECT_FALSE(read_token(std::string(96, 'A')));  // another version
    EXPECT_FALSE(read_token(std::string(1'000'000, 'A')));
}

TEST(SealedToken, ComparesWholeTexts) {
    EXPECT_TRUE(same_secret("", ""));
    EXPECT_TRUE(same_secret("abc", "abc"));
    EXPECT_FALSE(same_secret("abc", "abd"));
    EXPECT_FALSE(same_secret("abc", "ab"));
}

}  // namespace
}  // namespace flowctl::net
