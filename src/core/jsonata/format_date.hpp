// Pictures of dates, such as "[D1o] [MNn] [Y]", after format-dateTime() of XPath Functions 3.1: writing
// dates, and reading them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/budget.hpp"

namespace flowctl::jsonata {

// Without `picture` the date is written in ISO 8601. The zone is ±hhmm, or UTC if absent. Throws Raised.
std::string format_date(double milliseconds, std::optional<std::string_view> picture,
                        std::optional<std::string_view> zone, Budget& budget);

// Milliseconds since 1970, or nullopt when the text does not match. Components above those in the picture are
// taken from `now`. Throws Raised.
std::optional<double> parse_date(std::string_view text, std::string_view picture, double now, Budget& budget);

// Reads ISO 8601 in the forms that ECMAScript reads. Without a zone the time is UTC.
std::optional<double> parse_iso_date(std::string_view text);

}  // namespace flowctl::jsonata
