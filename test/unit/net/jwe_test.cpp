// Decrypting JWE: tokens made by another implementation (npm jose 6) for fixed keys, and what must not pass.
#include "net/crypto/jwe.hpp"

#include <gtest/gtest.h>

#include <map>

#include "jose_test_support.hpp"
#include "net/crypto/encoding.hpp"
#include "net/crypto/jose.hpp"

namespace flowctl::net {
namespace {

using test::ec_key;
using test::ed25519_key;
using test::encrypted_pem;
using test::private_pem;
using test::rsa_key;

constexpr const char* kRsa =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDfnvwxSsn3MWRP\n"
    "2LoVyCTj0M6Bh28yk85PWULnNm4bCyrs+3jN+5KHkxfke6izBScdgHVebj37G5yR\n"
    "aH3lme4ThH/P6E/WbN/78/j6xAMnL0f6+tzYFMRG1nr1/vScDIVGTe5fMYYyfTgU\n"
    "242MzF9HgcYWce/BNdSGD8Lp2gOcvRgHSBAKBg3hwxpsDPPaAhqqdtLfwR+iNbDG\n"
    "dUWr0Bv5vh/jzCR1Lyblw4+Vr/4gH82epkgVvcDEZDQcjuitBchhG7qUb6VeEfH+\n"
    "fm7rPAvqAKj/C3tEUX+sNMHDlzvB4CCIXFspxkpvtsYQFsAshFtLKcp11VmDkVuX\n"
    "hRLaatcVAgMBAAECggEAHOzuf7zGF6rEqDxnQ6qGNQ69K42WgWMTmHl6GTjV8LsW\n"
    "1B0qMPDF8TICcOxa878qolsLs4mMjGbzr25l/JVW8aDdvIm3DAw8w9U4400IAGFS\n"
    "DQG2n9+9zNDxClFumCHZenDZsOgRzQWcA7yrmGcWOwRrGFuoEOSy5x1yT7gC6Bri\n"
    "spYAU4uPh8+COigpOk63taWM11EATSdDdYSCKpbpCEQx+aMxAgZFPKeennVT1btF\n"
    "0W659Yi0BKPeIFW8sPaaR+NkWlxT5pNCllMI+PsHifCJ5mtWUloz2GEVQcFz1GJp\n"
    "IszavR2jDmQmbn2AtU23KhlCMprNpe9X8nxwu+/a0QKBgQDw+Ojg1K4VZr9t/HP7\n"
    "nimL+Tx6CzIwIQHRYUd2Sh0ptiFMAFZqEvLSapaVzoif3W7NVXkcCLYAUvD9mUNt\n"
    "MEvdmE04Y1lEBF4VdLRX6JEdfsmQy/eb8IQZfrr8J5gENw1al64RScjN0qxv+EAI\n"
    "+BDXptB40oA4A+UxyqRzS4F8kQKBgQDtkRCWhgPEd7D7QalXOVlBVeCTKaW1joSo\n"
    "X2eLRBopOkBzaNGgC00LZUNzP7r4MBnbNBbKbS1kflkmsqZyagB53XMc92U0m1OZ\n"
    "VDifV0ikaxtwBJhSuZ+RJcjnJF/dVjm2LYA2Ssp0JkN4OIAXxySCKQsWnoX97N7V\n"
    "E3ow4nIERQKBgQDlOYIdzXLD/PeAorOZ2TxgYHh9CAV37w4RpN4b0iinsw89gtyx\n"
    "DtFaA/a3Dr68hCGQxgvs9QRcjomcU5zmUxj39JcQWsFhiF4PPvMG5L6WNjN7v+sM\n"
    "teCTeBBbKTbcW5oiYUM+Qtf3or5RzO7tGTy8R3zsUiGSJ3JwyPlii6LjYQKBgQCc\n"
    "NmVn9RuJFwNDVDvb5RPxyFxxqFMUfXBxnrphcxiYv3sd6HDfAk9ZDO87W07AYDDA\n"
    "WRIbbYsJp6NLtPGKDnXdrGZDR9I+s1xXWHAbJrPXma5jDEJ1MyXfta7TfrGiw04T\n"
    "ovvJt4hEs9xtswlXmVVCWWa3KuoEvLsR9UrF1kEO2QKBgBdLpyVL0G1rcjss01yr\n"
    "e9uvuAbbD5t8n7cgTGhfDeGYUcF8X4U3QObO5gwtQSnn2JMzszTPkVfsHf8SIb9Z\n"
    "L6t1YLC0q60Kw0IBAJVlDpF6YZC53VXAF8LlsO6UoIDY79qn25lCXeTMhDAcNHFa\n"
    "loBK6RobawJ1PKPqbVfX5eYc\n"
    "-----END PRIVATE KEY-----\n";

constexpr const char* kP256 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1Je4znMTi+fFmkyY\n"
    "AQ/oLgdUVeF8SVzd/Kn4CpxLufqhRANCAATB8SO+PnZ2KMhdYhm15N64QL/1hGaG\n"
    "TY5tAeZ7wMu0lcH5SXMBUV/vFywy1F0w3Fmcd0HtoMhX+UybYu2B5JpK\n"
    "-----END PRIVATE KEY-----\n";

constexpr const char* kP384 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDBIdvFaQ01P5onnhETp\n"
    "C1wPEz4GK8C7z9zy1TSotAJiFnUjgkuFl65fVbd5hjLZDq6hZANiAAQHrI2Y0A3X\n"
    "g/9mLz9Jp/pfzlG56fhdlsJh2E3xZvuE+GRlgOOYumaBO4H3fK/Ftm0jPH9roLn/\n"
    "0VVfjOr06BVdSJBz6VCBt4f0LVwwzdxpJWlLTYFYReTxP7vj7iZ70EY=\n"
    "-----END PRIVATE KEY-----\n";

constexpr const char* kP521 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBSG9pKp/7oV2IXMIC\n"
    "85J0tlr13WDRBMocidSmGcFdpiNI+M3SZHa77XbeFf+dCU9zxt9xkeCx7BSk4wHI\n"
    "C1tCwI2hgYkDgYYABAB1iNzGRCZBOK4i/miUJWOvrn6OWnkAV7vdyGtPIXcST36A\n"
    "Qnk6GaPS7KxcP7X/dqbbDFGSQfX11pKMFtwE5MK8tgDTw20r5ML8ZPK/+m/eMkCN\n"
    "Ul0osQqVpu21lwAGidlM5EI2kwKtybRSrNaeW+0xY6BYnVMWuSM9CSITKdxWC9m6\n"
    "vw==\n"
    "-----END PRIVATE KEY-----\n";

struct Case {
    const char* pem;
    const char* algorithm;
    const char* token;
};

const Case kCases[] = {
    {kRsa, "RSA-OAEP-256",
     "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiSldUIn0.wctW_UjkhZuFNlvUEfdP8IhBY4KU"
     "DWG91G092IfepDkpVFSUzdMdGksetf5SffMNelxtah2Oot8oSf5hfTODgr5KF85owT1hnWg-UnjImGOqwJQ_aG3qb7lTIk5n"
     "0Klb6EdSgp5XbD3WEucITEa06gMSaDzuothnj6ss1SozyRX0bOc3xOlgem_iprxMPyRdoiblBjpU-bL-yHFy8Uy-C6dV0PNC"
     "L-qv-LGDm9tEw3l0Cvi4jo4JG6JN3z2G_6DAZzle-Zui64aosjswAPKqR3b8Hh8zqJOUxylef59fGM3FhZMwbqAt6P-lnpMc"
     "tX9ZFaqix4aOMHloHjt0gICqug.Ekn5d8OvwRPti3BK.nVGJ-o7qLOiXXInkOyVT6QDgcZiIT2NWJ7aoWCMKIfrCzzSq.ym_"
     "6hSIA8g6OIZrHljyA3g"},
    {kP256, "ECDH-ES",
     "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImN0eSI6IkpXVCIsImVwayI6eyJ4IjoiQlNMaExqamFJNTB0VU5G"
     "RkpyeUZvRzJmdU1RZDU5MWZaNURzQlhCRDgwdyIsImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ5IjoiaWFJRzdRVlA2dEY0"
     "SlFaNnZXdXZpYXY0MERxY0c4QmV0YXc1a0s1Nm5zNCJ9LCJhcHUiOiJRV3hwWTJVIiwiYXB2IjoiUW05aSJ9..5eB9YOZKSN"
     "IpEM9z.CXFUJA_KbuGeHHqtjJ6lNKSVMpG4qBFbKd6tif_bBQ.TyFYYIm90ezMtEcRj5PzWA"},
    {kP256, "ECDH-ES+A256KW",
     "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJjdHkiOiJKV1QiLCJlcGsiOnsieCI6Iks4NWg5ZEJ3"
     "RjFzWU9SNk5iaWFxSGdSY05yRzBpc3p0dHpLMUNIcWpoYlEiLCJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieSI6InpSMHdl"
     "Mm5pMDYxY0FDVEJ0dEZYaXVrTW5Ec29MWGNnM01zc0RvYVdhY3cifSwiYXB1IjoiUVd4cFkyVSIsImFwdiI6IlFtOWkifQ.u"
     "IVvPwq5KDRp-A8kbR0l1DCL0FzC9Pbv2Oc_uCJdbbMOcCbI3l3csg.IehV8bbbAe_8DPQ6.gge2rZiV914YcZMeQXJIe0B7h"
     "HDWe9F5j31b4TOCEQxkrkSXGHM.Ptw2zZrKqaBv8MUaB2612A"},
    {kP384, "ECDH-ES",
     "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImN0eSI6IkpXVCIsImVwayI6eyJ4IjoiWURsdnc1T0ZYTFl2anVt"
     "bmhuNDA3REhDSHlTZlU0enVPcjNkRXBGUlMwMWlhRlZuNzBRY1cyTVdoS0JjcThMVSIsImNydiI6IlAtMzg0Iiwia3R5Ijoi"
     "RUMiLCJ5IjoiNDRtblcwX3c0SmJHUDdseTJUMWtHeDdWSlAzUkFRajJOWHlXMFlJZThZcy1QdkFOWDMyeTFObGIwVnNGdy0t"
     "SCJ9fQ..dZXPUaa9neqm1PTV.WsGTAafGeMwh46AFFEP74x7VJXRmvpYEeVDL20R7kA.AmcTrJ0-Zs4AzOmrxJCG8w"},
    {kP384, "ECDH-ES+A256KW",
     "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJjdHkiOiJKV1QiLCJlcGsiOnsieCI6ImtXalBlUTJN"
     "MEFreW5uT1hLZ0hNanJBWFQ1YnRaZk5VQzkybU1pQndDX0FCVml3d0lTVW95dXdyd3JGNW5md2EiLCJjcnYiOiJQLTM4NCIs"
     "Imt0eSI6IkVDIiwieSI6ImpSSHdvNHQtTF9XaFBwOGRwNVVqMmVHQ0FrY1BSSXFqN2J5V1RkVXRWT21iUWx5clBVRW5VNEZj"
     "dlVsMS1FZEcifX0.aYIMWHXLlLKYW6rQbOfUDFpAAHcxXESuy05mW5s24VtqpAEF91fi_Q.SoY4d8BpMGaKrXE7.ig4t-q12"
     "IdiqG8r40sgcUs3cAba4HiOOM0o06sCDdb6IWa3yQY8.M0Z9EHdXfDaoCPJytruOzg"},
    {kP521, "ECDH-ES",
     "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImN0eSI6IkpXVCIsImVwayI6eyJ4IjoiQVRRVlRDeElMc1FaemFV"
     "OVg4cERRbUYzOU82UzNXMEc1ZlV0RzhwVkRLZElmZ2N1VmRMLUthbk9icTctQlh3Sms2Rk4zNE5KcEpOVU9FWlNnellNN0tV"
     "ZyIsImNydiI6IlAtNTIxIiwia3R5IjoiRUMiLCJ5IjoiQUZSVGRFaTMwMGRxVGJ2Mm9TZTNCdFhpdnhtLTBwVTFIdkM4X216"
     "aV9EX0xSeGlHUHNUQlZKaVFaclB4NWFRU0ZxUWs0Q2lqTmstVngtS1pPT2l2WTJDdCJ9fQ..w0mlROiuktCoCdFz.nYW73gf"
     "JOAvw7GZjALB_l0PVuiJ76Tck0ABw-USB_w.qTy7Kv68obfNfZknufZEpA"},
    {kP521, "ECDH-ES+A256KW",
     "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJjdHkiOiJKV1QiLCJlcGsiOnsieCI6IkFOaEZPU3Fq"
     "R0hCcHNpZDRmX0YzT0owZi1mRFFvUkduVXpkMkY0TGdjcFpyRU1iNGozZ05LVlotSXdVZHEzV2pKWlVPUy1xV3RQUHJXQ18x"
     "SUY2dDB6TEEiLCJjcnYiOiJQLTUyMSIsImt0eSI6IkVDIiwieSI6IkFYaXNreUxuZDdjUFFGSnJVYTkwZ0VGZzM3cnNUZG43"
     "dlJLMHBJdzV4c2l5TUl6S2dPaTJtcTRDRDFWdEkzaVlRUkVMVXBEUjFSVzNPbUxLRXB3ZU1uRVIifX0.Nl-OLIvCiahGodNe"
     "0rqKO_3E_dO06QyraedNrNWHHYrGuWEyiu-Euw.Rei0VxsellXiGmho.AnrGwqUbCXmVYXrZ5PouNqK5WjelqtFfqxqPZQ7a"
     "Y1g-n7tVzgw.nT7E4e-ZnoJu9-_xWMj6rQ"},
};

// For kP256 with ECDH-ES, and a content encryption that is not ours.
const char* const kOtherEncryptions[] = {
    // A128GCM
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImVwayI6eyJ4IjoiRDUyX2FCSTl0eWJnMzJabHR4VHdXLS03Mmd0"
    "M2M0OTA3cnhrdTlPaGtVcyIsImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ5IjoieDBnd1QtUDI3RlBVV052dEF0UlNWYkM4"
    "X2hKV1J3M2VjeWRmVk1KWnMzcyJ9fQ..t-3kK1Nuf9tPtBMt.pw.Vw-otoQzFSkcSRnSpMqWvw",
    // A128CBC-HS256
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOENCQy1IUzI1NiIsImVwayI6eyJ4IjoiLWtpeUtRczFFVkRXaWxCOUR3TDYz"
    "WUlpYkRQNkM5N0haMmwxamg1ZzlfUSIsImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ5Ijoib2pZTHFEbURyWTVteU1fRkgz"
    "alhXaDZVT1pOQXpGY3RvcTJWQlM2ZkhuOCJ9fQ..SvKqC6y5bAZKNZozwuW2LA.AEyWH2lAuNL08Xc6LzNYzg.S6tSnwBS1o"
    "GhkyJFUg3kUw",
    // A256CBC-HS512
    "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkNCQy1IUzUxMiIsImVwayI6eyJ4IjoidlJNdUhUUDdPdWQ0VnpObEY2ZEhn"
    "Tk5xNmdOX1Zfcmg5U08xX2FQV0VIbyIsImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ5IjoiY3dkT0phaS1aSEJBYUJ0RHdF"
    "b3JLSGdiZnNpNzdyUDlPVUJzNGdWRFFTWSJ9fQ..ekdnKh0QrZAy5SC6_l5OVg.HbuIy8SjUYy_9ecMRg1dCA.A3SACwPUhb"
    "UtY3zaK4OMSkc6f3reDt6bodI4ejI0gYM",
};

DecryptionKey key(const std::string& pem) {
    auto loaded = DecryptionKey::from_pem(pem);
    EXPECT_EQ(loaded.index(), 0u);
    return std::get<DecryptionKey>(std::move(loaded));
}

// What is inside, or the message in brackets.
std::string opened(std::string_view token, const std::vector<DecryptionKey>& keys) {
    const auto result = decrypt_jwe(token, keys);
    if (const auto* message = std::get_if<std::string>(&result)) return "[" + *message + "]";
    return std::string(std::get<Secret>(result).reveal());
}

bool fails(std::string_view token, const std::vector<DecryptionKey>& keys) {
    return opened(token, keys).starts_with("[");
}

std::vector<std::string> segments_of(std::string_view token) {
    std::vector<std::string> out(1);
    for (const char c : token) {
        if (c == '.')
            out.emplace_back();
        else
            out.back() += c;
    }
    return out;
}

std::string joined(const std::vector<std::string>& segments) {
    std::string token = segments.front();
    for (std::size_t i = 1; i < segments.size(); ++i)
        token += '.' + segments[i];
    return token;
}

TEST(Jwe, OpensWhatAnotherImplementationMade) {
    for (const Case& one : kCases)
        EXPECT_EQ(opened(one.token, {key(one.pem)}), "eyJhbGciOiJub25lIn0.for." + std::string(one.algorithm));
}

TEST(Jwe, FindsItsKeyAmongOthers) {
    const std::vector<DecryptionKey> all{key(kRsa), key(private_pem(rsa_key())), key(kP521), key(kP384),
                                         key(kP256)};
    for (const Case& one : kCases)
        EXPECT_EQ(opened(one.token, all), "eyJhbGciOiJub25lIn0.for." + std::string(one.algorithm));
    const std::vector<DecryptionKey> others{key(private_pem(rsa_key())), key(private_pem(ec_key("P-256"))),
                                            key(private_pem(ec_key("P-384"))),
                                            key(private_pem(ec_key("P-521")))};
    for (const Case& one : kCases)
        EXPECT_TRUE(fails(one.token, others)) << one.algorithm;
    EXPECT_TRUE(fails(kCases[0].token, {}));
}

TEST(Jwe, EveryChangedByteIsNoticed) {
    for (const Case& one : kCases) {
        const std::vector<DecryptionKey> keys{key(one.pem)};
        const auto segments = segments_of(one.token);
        for (std::size_t segment = 0; segment < 5; ++segment) {
            auto bytes = base64url_decode(segments[segment]);
            ASSERT_TRUE(bytes);
            for (std::size_t at = 0; at < bytes->size(); at += 1 + bytes->size() / 8) {
                std::string changed = *bytes;
                changed[at] = static_cast<char>(changed[at] ^ 1);
                auto tampered = segments;
                tampered[segment] = base64url_encode(changed);
                EXPECT_TRUE(fails(joined(tampered), keys)) << one.algorithm << ' ' << segment << ' ' << at;
            }
        }
    }
}

TEST(Jwe, WidthsAreExact) {
    for (const Case& one : kCases) {
        const std::vector<DecryptionKey> keys{key(one.pem)};
        const auto segments = segments_of(one.token);
        for (const std::size_t segment : {1u, 2u, 4u}) {
            const std::string bytes = *base64url_decode(segments[segment]);
            for (const std::string& other :
                 {bytes + '\0', bytes.substr(0, bytes.empty() ? 0 : bytes.size() - 1),
                  std::string(300, 'x')}) {
                if (other == bytes) continue;
                auto changed = segments;
                changed[segment] = base64url_encode(other);
                EXPECT_TRUE(fails(joined(changed), keys)) << one.algorithm << ' ' << segment;
            }
        }
    }
}

TEST(Jwe, OtherEncryptionsAreRefused) {
    for (const char* token : kOtherEncryptions)
        EXPECT_EQ(opened(token, {key(kP256)}), "[the token's enc is not A256GCM]");
}

// The header is authenticated, so these fail anyway: what is looked at is that they fail by their own reason.
TEST(Jwe, HeadersThatAreRefused) {
    const std::map<std::string, std::string> headers{
        {R"({"alg":"dir","enc":"A256GCM"})", "alg is none of"},
        {R"({"alg":"RSA1_5","enc":"A256GCM"})", "alg is none of"},
        {R"({"alg":"RSA-OAEP","enc":"A256GCM"})", "alg is none of"},
        {R"({"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":100000000})", "alg is none of"},
        {R"({"alg":["RSA-OAEP-256"],"enc":"A256GCM"})", "alg is none of"},
        {R"({"enc":"A256GCM"})", "alg is none of"},
        {R"({"alg":"RSA-OAEP-256"})", "enc is not"},
        {R"({"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"})", "compressed"},
        {R"({"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["exp"]})", "critical"},
        {R"({"alg":"RSA-OAEP-256","alg":"RSA-OAEP-256","enc":"A256GCM"})", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"", "not a JSON object"},
    };
    for (const auto& [header, reason] : headers) {
        auto segments = segments_of(kCases[0].token);
        segments[0] = base64url_encode(header);
        EXPECT_NE(opened(joined(segments), {key(kRsa)}).find(reason), std::string::npos) << header;
    }
}

TEST(Jwe, EphemeralKeysThatAreRefused) {
    const std::string x(32, '\1');
    for (const std::string& epk : {
             R"({"kty":"EC","crv":"P-256","x":")" + base64url_encode(x) + R"(","y":")" + base64url_encode(x) +
                 R"("})",
             std::string(R"({"kty":"EC","crv":"P-256","x":"","y":""})"),
             std::string(R"({"kty":"EC","crv":"P-256"})"),
             test::public_jwk(ec_key("P-384")),
             test::public_jwk(ed25519_key()),
             test::public_jwk(rsa_key()),
             std::string("7"),
             std::string("{}"),
             R"({"kty":"EC","crv":"secp256k1","x":")" + base64url_encode(x) + R"(","y":")" +
                 base64url_encode(x) + R"("})",
         }) {
        for (const char* algorithm : {"ECDH-ES", "ECDH-ES+A256KW"}) {
            auto segments = segments_of(kCases[1].token);
            segments[0] = base64url_encode(R"({"alg":")" + std::string(algorithm) +
                                           R"(","enc":"A256GCM","epk":)" + epk + "}");
            EXPECT_TRUE(fails(joined(segments), {key(kP256)})) << epk;
        }
    }
}

TEST(Jwe, WhatIsNoJwe) {
    for (const std::string& text :
         {std::string(), std::string("...."), std::string("a.b.c"), std::string("a.b.c.d.e.f"),
          std::string(4, '.'), std::string(kMaxJweBytes + 1, 'a'), std::string(kCases[0].token) + "=",
          " " + std::string(kCases[0].token), std::string(kMaxJweBytes - 4, 'A') + "...."})
        EXPECT_TRUE(fails(text, {key(kRsa)}));
}

TEST(Jwe, KidChoosesTheKey) {
    const DecryptionKey right = key(kP256);
    EXPECT_EQ(right.thumbprint().size(), 43u);
    const std::string jwk = right.public_jwk().text();
    const std::vector<std::string> parts{R"("use":"enc")", R"("kid":")" + right.thumbprint(),
                                         R"("alg":"ECDH-ES+A256KW")"};
    for (const std::string& part : parts)
        EXPECT_NE(jwk.find(part), std::string::npos) << jwk;
    EXPECT_EQ(jwk.find("\"d\""), std::string::npos) << "nothing private";
    EXPECT_NE(key(kRsa).public_jwk().text().find(R"("alg":"RSA-OAEP-256")"), std::string::npos);
}

TEST(Jwe, KeysThatAreNone) {
    for (const std::string& pem :
         {private_pem(rsa_key(1024)), private_pem(ed25519_key()), private_pem(ec_key("secp256k1")),
          encrypted_pem(rsa_key()), test::public_pem(rsa_key()), std::string("x")})
        EXPECT_EQ(DecryptionKey::from_pem(pem).index(), 1u);
}

}  // namespace
}  // namespace flowctl::net
