// Reading and writing timestamps; see timestamp.hpp. Civil dates are computed with Howard Hinnant's
// algorithms (days_from_civil, civil_from_days). They need no tables and no C library, so they do not depend
// on locale or time zone.
#include "core/asl/timestamp.hpp"

#include <array>

namespace flowctl::asl {

namespace {

std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) noexcept {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const auto year_of_era = static_cast<unsigned>(year - era * 400);
    const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

struct Civil {
    std::int64_t year;
    unsigned month;
    unsigned day;
};

Civil civil_from_days(std::int64_t days) noexcept {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
    const unsigned year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted = (5 * day_of_year + 2) / 153;
    const unsigned day = day_of_year - (153 * shifted + 2) / 5 + 1;
    const unsigned month = shifted < 10 ? shifted + 3 : shifted - 9;
    return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

bool is_leap(std::int64_t year) noexcept {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned days_in(std::int64_t year, unsigned month) noexcept {
    constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// A cursor over the text. Once the text does not fit, every further reader fails, too.
class Scanner {
  public:
    explicit Scanner(std::string_view text) noexcept : rest_(text) {}

    unsigned digits(std::size_t count) noexcept {
        unsigned value = 0;
        if (rest_.size() < count) ok_ = false;
        for (std::size_t i = 0; ok_ && i < count; ++i) {
            if (!is_digit(rest_[i])) ok_ = false;
            value = value * 10 + static_cast<unsigned>(rest_[i] - '0');
        }
        if (ok_) rest_.remove_prefix(count);
        return ok_ ? value : 0;
    }
    void expect(char c) noexcept {
        if (!accept(c)) ok_ = false;
    }
    bool accept(char c) noexcept {
        if (!ok_ || rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::int32_t fraction() noexcept {
        std::int32_t nanos = 0;
        std::int32_t unit = 100'000'000;
        if (rest_.empty() || !is_digit(rest_.front())) ok_ = false;
        while (ok_ && !rest_.empty() && is_digit(rest_.front())) {
            nanos += (rest_.front() - '0') * unit;
            unit /= 10;
            rest_.remove_prefix(1);
        }
        return nanos;
    }
    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return rest_.empty(); }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

void append_padded(std::string& out, std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    if (digits.size() < width) out.append(width - digits.size(), '0');
    out += digits;
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) noexcept {
    Scanner in(text);
    const unsigned year = in.digits(4);
    in.expect('-');
    const unsigned month = in.digits(2);
    in.expect('-');
    const unsigned day = in.digits(2);
    in.expect('T');
    const unsigned hour = in.digits(2);
    in.expect(':');
    const unsigned minute = in.digits(2);
    in.expect(':');
    const unsigned second = in.digits(2);
    const std::int32_t nanos = in.accept('.') ? in.fraction() : 0;
    int offset_minutes = 0;
    if (!in.accept('Z')) {
        const bool west = in.accept('-');
        if (!west) in.expect('+');
        const unsigned offset_hour = in.digits(2);
        in.expect(':');
        const unsigned offset_minute = in.digits(2);
        if (offset_hour > 23 || offset_minute > 59) return std::nullopt;
        offset_minutes = static_cast<int>(offset_hour * 60 + offset_minute) * (west ? -1 : 1);
    }
    if (!in.ok() || !in.at_end()) return std::nullopt;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;

    Timestamp result;
    result.seconds = days_from_civil(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + second;
    result.seconds -= static_cast<std::int64_t>(offset_minutes) * 60;
    result.nanos = nanos;
    return result;
}

std::string format_instant(std::int64_t micros) {
    std::int64_t millis = micros / 1'000;
    if (micros % 1'000 < 0) --millis;
    std::int64_t days = millis / 86'400'000;
    if (millis % 86'400'000 < 0) --days;
    const std::int64_t in_day = millis - days * 86'400'000;
    const Civil date = civil_from_days(days);
    std::string out;
    out.reserve(24);
    append_padded(out, date.year, 4);
    out += '-';
    append_padded(out, date.month, 2);
    out += '-';
    append_padded(out, date.day, 2);
    out += 'T';
    append_padded(out, in_day / 3'600'000, 2);
    out += ':';
    append_padded(out, in_day / 60'000 % 60, 2);
    out += ':';
    append_padded(out, in_day / 1'000 % 60, 2);
    const std::int64_t fraction = in_day % 1'000;
    out += '.';
    append_padded(out, fraction, 3);
    out += 'Z';
    return out;
}

}  // namespace flowctl::asl
