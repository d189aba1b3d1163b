// See date_picture.hpp.
#include "core/jsonata/date_picture.hpp"

#include <cmath>
#include <utility>

#include "core/jsonata/error.hpp"

namespace flowctl::jsonata {

namespace {

std::string_view default_presentation(char component) {
    switch (component) {
        case 'Y':
        case 'M':
        case 'D':
        case 'd':
        case 'W':
        case 'w':
        case 'X':
        case 'x':
        case 'H':
        case 'h':
        case 'f':
            return "1";
        case 'F':
        case 'P':
        case 'C':
        case 'E':
            return "n";
        case 'm':
        case 's':
            return "01";
        case 'Z':
        case 'z':
            return "01:01";
        default:
            return "";
    }
}

std::optional<double> width_of_text(std::string_view text) {
    if (text.empty() || text == "*") return std::nullopt;
    double value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') break;
        value = value * 10 + (c - '0');
    }
    return std::fmin(value, 1000);
}

DatePart marker(std::string_view given, std::vector<DatePart>& before) {
    std::string text;
    for (const char c : given) {
        if (std::string_view(" \t\n\r\v\f").find(c) == std::string_view::npos) text.push_back(c);
    }
    DatePart part;
    if (!text.empty()) part.component = text[0];
    std::string presentation = text.empty() ? "" : text.substr(1);
    if (const std::size_t comma = text.rfind(','); comma != std::string::npos && comma > 0) {
        const std::string width = text.substr(comma + 1);
        const std::size_t dash = width.find('-');
        part.least = width_of_text(std::string_view(width).substr(0, dash));
        if (dash != std::string::npos) part.most = width_of_text(std::string_view(width).substr(dash + 1));
        presentation = text.substr(1, comma - 1);
    }
    if (presentation.size() > 1 &&
        std::string_view("atco").find(presentation.back()) != std::string_view::npos) {
        part.modifier = presentation.back();
        presentation.pop_back();
    }
    if (default_presentation(part.component).empty()) {
        throw Raised{.code = "D3132", .value = quoted(std::string_view(text).substr(0, 1))};
    }
    if (presentation.empty()) presentation = default_presentation(part.component);

    if (presentation[0] == 'n') {
        part.names = DatePart::Names::Lower;
    } else if (presentation[0] == 'N') {
        part.names = presentation.size() > 1 && presentation[1] == 'n' ? DatePart::Names::Title
                                                                       : DatePart::Names::Upper;
    } else if (std::string_view("YMDdFWwXxHhmsf").find(part.component) != std::string_view::npos) {
        if (part.modifier != 0) presentation += std::string(";") + part.modifier;
        part.integer = analyse_integer_picture(presentation);
        IntegerPicture& integer = *part.integer;
        if (part.least && static_cast<double>(integer.mandatory) < *part.least) {
            integer.mandatory = static_cast<std::size_t>(*part.least);
        }
        if (part.component == 'Y') {
            if (part.most) {
                part.year_digits = *part.most;
                integer.mandatory = static_cast<std::size_t>(*part.most);
            } else if (integer.has_digits && integer.mandatory + integer.optional >= 2) {
                part.year_digits = static_cast<double>(integer.mandatory + integer.optional);
            }
        }
        // Digits that follow digits can be told apart only if the first ones have a fixed width.
        if (!before.empty() && before.back().integer) {
            before.back().integer->parse_width = before.back().integer->mandatory;
        }
    }
    if (part.component == 'Z' || part.component == 'z') part.integer = analyse_integer_picture(presentation);
    return part;
}

}  // namespace

std::vector<DatePart> analyse_date_picture(std::string_view picture) {
    std::vector<DatePart> parts;
    const auto literal = [&](std::string_view text) {
        if (text.empty()) return;
        DatePart part;
        part.literal = true;
        for (std::size_t at = 0; at < text.size(); ++at) {
            part.text.push_back(text[at]);
            if (text.substr(at, 2) == "]]") ++at;
        }
        parts.push_back(std::move(part));
    };
    std::size_t start = 0;
    std::size_t at = 0;
    while (at < picture.size()) {
        if (picture[at] != '[') {
            ++at;
            continue;
        }
        literal(picture.substr(start, at - start));
        if (picture.substr(at, 2) == "[[") {
            literal("[");
            at += 2;
        } else {
            const std::size_t end = picture.find(']', at);
            if (end == std::string_view::npos) throw Raised{.code = "D3135"};
            DatePart part = marker(picture.substr(at + 1, end - at - 1), parts);
            parts.push_back(std::move(part));
            at = end + 1;
        }
        start = at;
    }
    literal(picture.substr(start));
    return parts;
}

void raise_no_names(char component) {
    throw Raised{.code = "D3133", .value = quoted(std::string_view(&component, 1))};
}

double leading_integer(std::string_view text) {
    double value = 0;
    bool negative = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 0 && (text[i] == '-' || text[i] == '+')) {
            negative = text[i] == '-';
        } else if (text[i] >= '0' && text[i] <= '9') {
            value = value * 10 + (text[i] - '0');
        } else {
            break;
        }
    }
    return negative ? -value : value;
}

}  // namespace flowctl::jsonata
