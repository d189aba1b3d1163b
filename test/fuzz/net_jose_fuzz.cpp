// Tokens and key sets as an attacker may write them: JWS against fixed keys, JWE with fixed keys, JWKS
// documents.
//
// The first byte chooses. What is checked beside "nothing breaks": without the private key nobody makes a
// token that passes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/crypto/jose.hpp"
#include "net/crypto/jose_verify.hpp"
#include "net/crypto/jwe.hpp"
#include "net/crypto/jwks.hpp"

using namespace flowctl::net;

namespace {

// Of P-256, made for this.
constexpr const char* kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyRbOsGlgy0Amf3Pe\n"
    "e8H9iKVKwIxlemmbh+V0PcmPIEihRANCAAQTPC+DoyAJCnMye13oCESb6fyXywyD\n"
    "Rz0pWMMjUp8to+V72DQGfzjizO8eB56ALNAJ/GisHuPjnf1PqGY1Z4bs\n"
    "-----END PRIVATE KEY-----\n";

const SigningKey& key() {
    static const SigningKey made = SigningKey::generate_es256();
    return made;
}

const KeySet& keys() {
    static const KeySet set = [] {
        JsonWriter jwk = key().public_jwk();
        return std::get<KeySet>(KeySet::parse(R"({"keys":[)" + jwk.add("kid", "k").text() + "]}"));
    }();
    return set;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    switch (data[0] % 4) {
        case 0: {
            JwtExpectation expected;
            expected.issuer = "https://idp.example";
            expected.audience = "us";
            expected.algorithms = {"ES256", "RS256", "PS256", "EdDSA"};
            expected.types = {"at+jwt", ""};
            if (verify_jwt(text, keys(), expected).index() == 0) std::abort();  // a forgery
            break;
        }
        case 1: {
            static const std::vector<DecryptionKey> own = [] {
                std::vector<DecryptionKey> out;
                auto loaded = DecryptionKey::from_pem(kPem);
                if (loaded.index() != 0) std::abort();
                out.push_back(std::get<DecryptionKey>(std::move(loaded)));
                return out;
            }();
            (void)decrypt_jwe(text, own);
            break;
        }
        case 2: {
            const auto set = KeySet::parse(text);
            if (const auto* parsed = std::get_if<KeySet>(&set); parsed != nullptr && parsed->size() > 100)
                std::abort();
            break;
        }
        default:
            (void)unverified_claims(text);
            (void)unverified_jti(text);
            (void)SigningKey::from_pem(text);
    }
    return 0;
}
