// Integers as digits, letters, Roman numbers and words.
#include "core/jsonata/format_integer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/utf8.hpp"
#include "core/jsonata/error.hpp"
#include "core/jsonata/serialise.hpp"
#include "core/jsonata/text.hpp"
#include "core/text/case.hpp"

namespace flowctl::jsonata {
namespace {

using Primary = IntegerPicture::Primary;
using Case = IntegerPicture::Case;

constexpr char32_t kZeros[] = {0x30,   0x660,  0x6f0,  0x7c0,  0x966,  0x9e6,  0xa66,  0xae6,  0xb66,  0xbe6,
                               0xc66,  0xce6,  0xd66,  0xde6,  0xe50,  0xed0,  0xf20,  0x1040, 0x1090, 0x17e0,
                               0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
                               0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10};

constexpr std::string_view kFew[] = {"Zero",    "One",     "Two",       "Three",    "Four",
                                     "Five",    "Six",     "Seven",     "Eight",    "Nine",
                                     "Ten",     "Eleven",  "Twelve",    "Thirteen", "Fourteen",
                                     "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"};
constexpr std::string_view kOrdinals[] = {
    "Zeroth",     "First",     "Second",    "Third",       "Fourth",     "Fifth",     "Sixth",
    "Seventh",    "Eighth",    "Ninth",     "Tenth",       "Eleventh",   "Twelfth",   "Thirteenth",
    "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth"};
constexpr std::string_view kDecades[] = {"Twenty", "Thirty",  "Forty",  "Fifty",
                                         "Sixty",  "Seventy", "Eighty", "Ninety"};
constexpr std::string_view kMagnitudes[] = {"Thousand", "Million", "Billion", "Trillion"};

struct Roman {
    int value;
    std::string_view letters;
};
constexpr Roman kRoman[] = {{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"},
                            {90, "xc"},  {50, "l"},   {40, "xl"}, {10, "x"},   {9, "ix"},
                            {5, "v"},    {4, "iv"},   {1, "i"}};

void words(double number, bool after, bool ordinal, std::string& out, Budget& budget) {
    const Budget::Depth depth(budget);
    budget.bytes(16);
    if (number <= 19) {
        if (after) out += " and ";
        const auto i = static_cast<std::size_t>(number);
        out += ordinal ? kOrdinals[i] : kFew[i];
    } else if (number < 100) {
        if (after) out += " and ";
        out += kDecades[static_cast<std::size_t>(number) / 10 - 2];
        const double rest = std::fmod(number, 10);
        if (rest > 0) {
            out.push_back('-');
            words(rest, false, ordinal, out, budget);
        } else if (ordinal) {
            out.back() = 'i';
            out += "eth";
        }
    } else if (number < 1000) {
        if (after) out += ", ";
        out += kFew[static_cast<std::size_t>(number) / 100];
        out += " Hundred";
        const double rest = std::fmod(number, 100);
        if (rest > 0) {
            words(rest, true, ordinal, out, budget);
        } else if (ordinal) {
            out += "th";
        }
    } else {
        const auto magnitude = static_cast<std::size_t>(
            std::min(std::floor(std::log10(number) / 3), static_cast<double>(std::size(kMagnitudes))));
        const double factor = std::pow(10, static_cast<double>(magnitude) * 3);
        const double mantissa = std::floor(number / factor);
        const double rest = number - mantissa * factor;
        if (after) out += ", ";
        words(mantissa, false, false, out, budget);
        out.push_back(' ');
        out += kMagnitudes[magnitude - 1];
        if (rest > 0) {
            words(rest, true, ordinal, out, budget);
        } else if (ordinal) {
            out += "th";
        }
    }
}

// The value of a word in small letters; negative if it is not a number.
double worth(std::string_view word) {
    const auto is = [&](std::string_view entry) { return text::to_lower(entry) == word; };
    for (std::size_t i = 0; i < std::size(kFew); ++i) {
        if (is(kFew[i]) || is(kOrdinals[i])) return static_cast<double>(i);
    }
    for (std::size_t i = 0; i < std::size(kDecades); ++i) {
        const std::string_view decade = kDecades[i];
        if (is(decade) || is(std::string(decade.substr(0, decade.size() - 1)) + "ieth")) {
            return static_cast<double>((i + 2) * 10);
        }
    }
    if (word == "hundred" || word == "hundredth") return 100;
    for (std::size_t i = 0; i < std::size(kMagnitudes); ++i) {
        if (is(kMagnitudes[i]) || is(std::string(kMagnitudes[i]) + "th")) {
            return std::pow(10, static_cast<double>(i + 1) * 3);
        }
    }
    return -1;
}

double words_to_number(std::string_view text) {
    std::vector<double> segments{0};
    const auto take = [&](std::string_view word) {
        if (word.empty() || word == "and") return;
        const double value = worth(word);
        if (value < 0) {
            segments.back() = std::numeric_limits<double>::quiet_NaN();
        } else if (value < 100) {
            if (segments.back() >= 1000) segments.push_back(0);
            segments.back() += value;
        } else {
            segments.back() *= value;
        }
    };
    std::size_t start = 0;
    for (std::size_t at = 0; at <= text.size(); ++at) {
        if (at < text.size() && std::string_view(" ,-\\\t\n\r").find(text[at]) == std::string_view::npos)
            continue;
        take(text.substr(start, at - start));
        start = at + 1;
    }
    return std::accumulate(segments.begin(), segments.end(), 0.0);
}

double roman_to_number(std::string_view text) {
    double total = 0;
    double largest = 0;
    for (std::size_t at = text.size(); at-- > 0;) {
        double value = 0;
        for (const Roman& roman : kRoman) {
            if (roman.letters.size() == 1 && roman.letters[0] == (text[at] | 0x20)) value = roman.value;
        }
        if (value < largest) {
            total -= value;
        } else {
            largest = value;
            total += value;
        }
    }
    return total;
}

std::size_t regular_interval(const std::vector<IntegerPicture::Separator>& separators) {
    if (separators.empty()) return 0;
    std::size_t factor = 0;
    for (const auto& separator : separators) {
        if (separator.character != separators.front().character) return 0;
        factor = std::gcd(factor, separator.position);
    }
    if (factor == 0) return 0;
    for (std::size_t i = 1; i <= separators.size(); ++i) {
        if (std::none_of(separators.begin(), separators.end(),
                         [&](const auto& separator) { return separator.position == i * factor; })) {
            return 0;
        }
    }
    return factor;
}

std::string decimal(double value, const IntegerPicture& picture, Budget& budget) {
    std::string digits = number_to_string(value);
    if (digits.size() < picture.mandatory) {
        budget.bytes(picture.mandatory * 8);
        digits.insert(0, picture.mandatory - digits.size(), '0');
    }
    std::string out;
    for (std::size_t at = 0; at < digits.size(); ++at) {
        const std::size_t right = digits.size() - at;  // the number of digits from here on
        if (at > 0) {
            if (picture.regular > 0) {
                if (right % picture.regular == 0) append_utf8(picture.separators.front().character, out);
            } else {
                for (auto s = picture.separators.rbegin(); s != picture.separators.rend(); ++s) {
                    if (s->position == right) append_utf8(s->character, out);
                }
            }
        }
        const char c = digits[at];
        append_utf8(
            c >= '0' && c <= '9' ? picture.zero + static_cast<char32_t>(c - '0') : static_cast<char32_t>(c),
            out);
    }
    if (picture.ordinal) {
        const char last = digits.back();
        const bool teen = digits.size() > 1 && digits[digits.size() - 2] == '1';
        out += teen ? "th" : last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
    }
    return out;
}

}  // namespace

IntegerPicture analyse_integer_picture(std::string_view picture) {
    IntegerPicture result;
    std::string_view primary = picture;
    if (const std::size_t semicolon = picture.rfind(';'); semicolon != std::string_view::npos) {
        primary = picture.substr(0, semicolon);
        result.ordinal = picture.substr(semicolon + 1).starts_with('o');
    }
    if (primary == "A" || primary == "a") {
        result.primary = Primary::Letters;
    } else if (primary == "I" || primary == "i") {
        result.primary = Primary::Roman;
    } else if (primary == "W" || primary == "w" || primary == "Ww") {
        result.primary = Primary::Words;
    }
    if (result.primary != Primary::Decimal) {
        result.letters = primary == "Ww"                          ? Case::Title
                         : primary[0] >= 'A' && primary[0] <= 'Z' ? Case::Upper
                                                                  : Case::Lower;
        return result;
    }

    std::vector<char32_t> characters;
    for (std::size_t at = 0; at < primary.size();)
        characters.push_back(decode_utf8(primary, at));
    std::reverse(characters.begin(), characters.end());
    std::size_t position = 0;
    for (const char32_t c : characters) {
        const auto* zero = std::find_if(std::begin(kZeros), std::end(kZeros),
                                        [c](char32_t z) { return c >= z && c <= z + 9; });
        if (zero != std::end(kZeros)) {
            if (result.has_digits && result.zero != *zero) throw Raised{.code = "D3131"};
            result.zero = *zero;
            result.has_digits = true;
            ++result.mandatory;
            ++position;
        } else if (c == '#') {
            ++result.optional;
            ++position;
        } else {
            result.separators.push_back({position, c});
        }
    }
    if (!result.has_digits) {
        result.primary = Primary::Sequence;
        result.token = primary;
        return result;
    }
    result.regular = regular_interval(result.separators);
    return result;
}

std::string format_integer(double value, const IntegerPicture& picture, Budget& budget) {
    if (std::isnan(value)) return "NaN";
    const bool negative = value < 0;
    value = std::abs(value);
    if (std::isinf(value)) return negative ? "-Infinity" : "Infinity";
    std::string out;
    switch (picture.primary) {
        case Primary::Decimal:
            out = decimal(value, picture, budget);
            break;
        case Primary::Letters:
            for (double rest = value; rest >= 1; rest = std::floor((rest - 1) / 26)) {
                const char first = picture.letters == Case::Upper ? 'A' : 'a';
                out.push_back(static_cast<char>(first + static_cast<int>(std::fmod(rest - 1, 26))));
            }
            std::reverse(out.begin(), out.end());
            break;
        case Primary::Roman: {
            if (value / 1000 > 1e9) Budget::out_of_bytes();
            budget.bytes(static_cast<std::size_t>(value / 1000) + 16);
            auto rest = static_cast<std::uint64_t>(value);
            for (const Roman& roman : kRoman) {
                for (; rest >= static_cast<std::uint64_t>(roman.value);
                     rest -= static_cast<std::uint64_t>(roman.value)) {
                    out += roman.letters;
                }
            }
            if (picture.letters == Case::Upper) out = text::to_upper(out);
            break;
        }
        case Primary::Words:
            words(value, false, picture.ordinal, out, budget);
            if (picture.letters == Case::Upper) out = text::to_upper(out);
            if (picture.letters == Case::Lower) out = text::to_lower(out);
            break;
        case Primary::Sequence:
            throw Raised{.code = "D3130", .value = quoted(picture.token)};
    }
    return negative ? "-" + out : out;
}

std::string integer_pattern(const IntegerPicture& picture) {
    const bool upper = picture.letters == Case::Upper;
    switch (picture.primary) {
        case Primary::Letters:
            return upper ? "[A-Z]+" : "[a-z]+";
        case Primary::Roman:
            return upper ? "[MDCLXVI]+" : "[mdclxvi]+";
        case Primary::Words: {
            std::string pattern = "(?:";
            const auto add = [&](std::string_view word) { pattern += text::to_lower(word) + "|"; };
            for (const std::string_view word : kFew)
                add(word);
            for (const std::string_view word : kOrdinals)
                add(word);
            for (const std::string_view word : kDecades) {
                add(word);
                add(std::string(word.substr(0, word.size() - 1)) + "ieth");
            }
            for (const std::string_view word : kMagnitudes) {
                add(word);
                add(std::string(word) + "th");
            }
            return pattern + "hundred|hundredth|and|[\\-, ])+";
        }
        case Primary::Decimal: {
            std::string pattern = "[0-9]";
            pattern += picture.parse_width > 0 ? "{" + std::to_string(picture.parse_width) + "}" : "+";
            if (picture.ordinal) pattern += "(?:th|st|nd|rd)";
            return pattern;
        }
        case Primary::Sequence:
            break;
    }
    throw Raised{.code = "D3130", .value = quoted(picture.token)};
}

double parse_integer(std::string_view text, const IntegerPicture& picture) {
    switch (picture.primary) {
        case Primary::Letters: {
            double value = 0;
            const char first = picture.letters == Case::Upper ? 'A' : 'a';
            for (const char c : text)
                value = value * 26 + (c - first + 1);
            return value;
        }
        case Primary::Roman:
            return roman_to_number(text);
        case Primary::Words:
            return words_to_number(text::to_lower(text));
        case Primary::Sequence:
            throw Raised{.code = "D3130", .value = quoted(picture.token)};
        case Primary::Decimal:
            break;
    }
    if (picture.ordinal) text.remove_suffix(std::min<std::size_t>(2, text.size()));
    std::string digits;
    bool negative = false;
    for (std::size_t at = 0; at < text.size();) {
        const bool first = at == 0;
        const char32_t c = decode_utf8(text, at);
        const bool separator = std::any_of(
            picture.separators.begin(), picture.separators.end(),
            [c, &picture](const auto& s) { return c == (picture.regular > 0 ? ',' : s.character); });
        if (separator) continue;
        if (c >= picture.zero && c <= picture.zero + 9) {
            digits.push_back(static_cast<char>('0' + (c - picture.zero)));
        } else if (first && (c == '-' || c == '+')) {
            negative = c == '-';
        } else {
            break;
        }
    }
    if (digits.empty()) return std::numeric_limits<double>::quiet_NaN();
    const std::size_t start = std::min(digits.find_first_not_of('0'), digits.size() - 1);
    const double value = json::Value::number_text(std::string_view(digits).substr(start)).as_double();
    return negative ? -value : value;
}

}  // namespace flowctl::jsonata
