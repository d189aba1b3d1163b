// Digests and Base64 against published vectors: RFC 1321, FIPS 180-4 examples, RFC 4648
#include <gtest/gtest.h>

#include <string>

#include "base/base64.hpp"
#include "core/text/digest.hpp"

namespace flowctl::text {
namespace {

const std::string kTwoBlocks32 = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
const std::string kTwoBlocks64 =
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
    "nopqrstu";

TEST(IntrinsicDigest, Md5) {
    EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(md5_hex("a"), "0cc175b9c0f1b6a831c399e269772661");
    EXPECT_EQ(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(md5_hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    EXPECT_EQ(md5_hex("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
              "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(IntrinsicDigest, Sha1) {
    EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(sha1_hex(kTwoBlocks32), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(sha1_hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(IntrinsicDigest, Sha256) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(kTwoBlocks32), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_hex("input data"), "b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3");
}

TEST(IntrinsicDigest, Sha384) {
    EXPECT_EQ(
        sha384_hex("abc"),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    EXPECT_EQ(
        sha384_hex(kTwoBlocks64),
        "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039");
}

TEST(IntrinsicDigest, Sha512) {
    EXPECT_EQ(
        sha512_hex("abc"),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
        "454d4423643ce80e2a9ac94fa54ca49f");
    EXPECT_EQ(
        sha512_hex("input data"),
        "6ce4adb348546d4f449c4d25aad9a7c9cb711d9e91982d3f0b29ca2f3f47d4ce2deba23bf2954f0f1d593fc50283731a"
        "533d30d425402d4f91316d871303aac4");
}

TEST(IntrinsicDigest, EveryLengthAroundABlock) {
    // The padding changes its number of blocks at these lengths; a chain over all of them pins each one.
    std::string md5_chain, sha512_chain;
    for (std::size_t length = 0; length < 260; ++length) {
        md5_chain = md5_hex(md5_chain + std::string(length, 'x'));
        sha512_chain = sha512_hex(sha512_chain + std::string(length, 'x'));
    }
    EXPECT_EQ(md5_chain, "45e839bd2951c4927da89deef3aca38e");
    EXPECT_EQ(sha512_chain,
              "f08efd713d1b9fe4a699d7df7e4cffa9ff8d3c3e5a716f8e420129e1a03b027c"
              "b4b8287c9df087c9ef54c363caf4f3a7a55c0c718a978f799ca88592d5935f0d");
}

TEST(IntrinsicBase64, Vectors) {
    const std::pair<const char*, const char*> kVectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [data, text] : kVectors) {
        EXPECT_EQ(base64_encode(data), text);
        EXPECT_EQ(base64_decode(text), data);
    }
    std::string bytes;
    for (int i = 0; i < 256; ++i)
        bytes.push_back(static_cast<char>(i));
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
}

TEST(IntrinsicBase64, RefusesWhatIsNotCanonical) {
    for (const char* text :
         {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n", "Zm-_", "=Zm9"}) {
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace flowctl::text
