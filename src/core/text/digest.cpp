// MD5, SHA-1 and SHA-2, written after their specifications. All five cut the padded message into blocks and
// fold each block into a few words. They differ in the folding, in the size of words and in the byte order.
#include "core/text/digest.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/interrupt.hpp"

namespace flowctl::text {
namespace {

enum class Order { Little, Big };

template <class Word, Order order>
Word load(const unsigned char* bytes) {
    Word word = 0;
    for (std::size_t i = 0; i < sizeof(Word); ++i) {
        const std::size_t at = order == Order::Big ? i : sizeof(Word) - 1 - i;
        word = static_cast<Word>(word << 8) | bytes[at];
    }
    return word;
}

template <class Word, Order order>
void append_hex(Word word, std::string& out) {
    static constexpr char kDigits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < sizeof(Word); ++i) {
        const std::size_t at = order == Order::Big ? sizeof(Word) - 1 - i : i;
        const auto byte = static_cast<unsigned char>(word >> (8 * at));
        out.push_back(kDigits[byte >> 4]);
        out.push_back(kDigits[byte & 0xf]);
    }
}

// Pads the message: it is followed by the bit 1, zeros, and its length in bits at the end of the last block.
template <std::size_t kBlock, Order order>
std::string padded(std::string_view data) {
    constexpr std::size_t kLength = kBlock / 8;  // bytes of the length field
    std::string text(data);
    text.push_back('\x80');
    while (text.size() % kBlock != kBlock - kLength)
        text.push_back('\0');
    const std::uint64_t bits = static_cast<std::uint64_t>(data.size()) * 8;
    for (std::size_t i = 0; i < kLength; ++i) {
        const std::size_t shift = order == Order::Big ? kLength - 1 - i : i;
        text.push_back(shift < 8 ? static_cast<char>(bits >> (8 * shift)) : '\0');
    }
    return text;
}

template <class Word, std::size_t kWords, Order order, class Fold>
std::string digest(std::string_view data, std::array<Word, kWords> state, std::size_t words_shown,
                   Fold fold) {
    constexpr std::size_t kBlock = 16 * sizeof(Word);
    const std::string text = padded<kBlock, order>(data);
    Poll poll;
    for (std::size_t at = 0; at < text.size(); at += kBlock) {
        poll.round();
        std::array<Word, 16> block;
        for (std::size_t i = 0; i < 16; ++i) {
            block[i] = load<Word, order>(reinterpret_cast<const unsigned char*>(text.data()) + at +
                                         i * sizeof(Word));
        }
        fold(state, block);
    }
    std::string hex;
    for (std::size_t i = 0; i < words_shown; ++i)
        append_hex<Word, order>(state[i], hex);
    return hex;
}

constexpr std::array<std::uint32_t, 64> kMd5 = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

void fold_md5(std::array<std::uint32_t, 4>& state, const std::array<std::uint32_t, 16>& block) {
    static constexpr int kShift[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    auto [a, b, c, d] = state;
    for (std::size_t i = 0; i < 64; ++i) {
        std::uint32_t mix = 0;
        std::size_t word = 0;
        switch (i / 16) {
            case 0:
                mix = (b & c) | (~b & d);
                word = i;
                break;
            case 1:
                mix = (d & b) | (~d & c);
                word = (5 * i + 1) % 16;
                break;
            case 2:
                mix = b ^ c ^ d;
                word = (3 * i + 5) % 16;
                break;
            default:
                mix = c ^ (b | ~d);
                word = (7 * i) % 16;
        }
        const std::uint32_t sum = a + mix + kMd5[i] + block[word];
        a = d;
        d = c;
        c = b;
        b += std::rotl(sum, kShift[i / 16][i % 4]);
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
}

void fold_sha1(std::array<std::uint32_t, 5>& state, const std::array<std::uint32_t, 16>& block) {
    std::array<std::uint32_t, 80> w;
    for (std::size_t i = 0; i < 80; ++i) {
        w[i] = i < 16 ? block[i] : std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = state;
    for (std::size_t i = 0; i < 80; ++i) {
        std::uint32_t mix = 0;
        std::uint32_t constant = 0;
        switch (i / 20) {
            case 0:
                mix = (b & c) | (~b & d);
                constant = 0x5a827999;
                break;
            case 1:
                mix = b ^ c ^ d;
                constant = 0x6ed9eba1;
                break;
            case 2:
                mix = (b & c) | (b & d) | (c & d);
                constant = 0x8f1bbcdc;
                break;
            default:
                mix = b ^ c ^ d;
                constant = 0xca62c1d6;
        }
        const std::uint32_t next = std::rotl(a, 5) + mix + e + constant + w[i];
        e = d;
        d = c;
        c = std::rotl(b, 30);
        b = a;
        a = next;
    }
    state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

// SHA-512's constants. Those of SHA-256 are the upper halves of the first 64.
constexpr std::array<std::uint64_t, 80> kSha2 = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

template <class Word>
struct Sha2;
template <>
struct Sha2<std::uint32_t> {
    static constexpr std::size_t kRounds = 64;
    static constexpr int kBig0[3] = {2, 13, 22}, kBig1[3] = {6, 11, 25};
    static constexpr int kSmall0[3] = {7, 18, 3}, kSmall1[3] = {17, 19, 10};
    static std::uint32_t constant(std::size_t i) { return static_cast<std::uint32_t>(kSha2[i] >> 32); }
};
template <>
struct Sha2<std::uint64_t> {
    static constexpr std::size_t kRounds = 80;
    static constexpr int kBig0[3] = {28, 34, 39}, kBig1[3] = {14, 18, 41};
    static constexpr int kSmall0[3] = {1, 8, 7}, kSmall1[3] = {19, 61, 6};
    static std::uint64_t constant(std::size_t i) { return kSha2[i]; }
};

template <class Word>
Word rotations(Word x, const int (&by)[3]) {
    return std::rotr(x, by[0]) ^ std::rotr(x, by[1]) ^ std::rotr(x, by[2]);
}
template <class Word>
Word rotations_and_shift(Word x, const int (&by)[3]) {
    return std::rotr(x, by[0]) ^ std::rotr(x, by[1]) ^ (x >> by[2]);
}

template <class Word>
void fold_sha2(std::array<Word, 8>& state, const std::array<Word, 16>& block) {
    using Kind = Sha2<Word>;
    std::array<Word, Kind::kRounds> w;
    for (std::size_t i = 0; i < Kind::kRounds; ++i) {
        w[i] = i < 16 ? block[i]
                      : rotations_and_shift(w[i - 2], Kind::kSmall1) + w[i - 7] +
                            rotations_and_shift(w[i - 15], Kind::kSmall0) + w[i - 16];
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < Kind::kRounds; ++i) {
        const Word t1 = h + rotations(e, Kind::kBig1) + ((e & f) ^ (~e & g)) + Kind::constant(i) + w[i];
        const Word t2 = rotations(a, Kind::kBig0) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const std::array<Word, 8> change = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i)
        state[i] += change[i];
}

}  // namespace

std::string md5_hex(std::string_view data) {
    return digest<std::uint32_t, 4, Order::Little>(data, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, 4,
                                                   fold_md5);
}

std::string sha1_hex(std::string_view data) {
    return digest<std::uint32_t, 5, Order::Big>(
        data, {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, 5, fold_sha1);
}

std::string sha256_hex(std::string_view data) {
    return digest<std::uint32_t, 8, Order::Big>(
        data,
        {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, 8,
        fold_sha2<std::uint32_t>);
}

std::string sha384_hex(std::string_view data) {
    return digest<std::uint64_t, 8, Order::Big>(
        data,
        {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939, 0x67332667ffc00b31,
         0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4},
        6, fold_sha2<std::uint64_t>);
}

std::string sha512_hex(std::string_view data) {
    return digest<std::uint64_t, 8, Order::Big>(
        data,
        {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
         0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179},
        8, fold_sha2<std::uint64_t>);
}

std::optional<std::string> digest_hex(std::string_view algorithm, std::string_view data) {
    if (algorithm == "MD5") return md5_hex(data);
    if (algorithm == "SHA-1") return sha1_hex(data);
    if (algorithm == "SHA-256") return sha256_hex(data);
    if (algorithm == "SHA-384") return sha384_hex(data);
    if (algorithm == "SHA-512") return sha512_hex(data);
    return std::nullopt;
}

}  // namespace flowctl::text
