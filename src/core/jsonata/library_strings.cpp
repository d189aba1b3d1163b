// Functions over strings, counted in code points.
#include <algorithm>
#include <cmath>

#include "core/jsonata/error.hpp"
#include "core/jsonata/library.hpp"
#include "core/jsonata/serialise.hpp"
#include "core/jsonata/text.hpp"
#include "core/text/case.hpp"
#include "core/text/find.hpp"

namespace flowctl::jsonata {
namespace {

Value string(const Call& call) {
    if (!call.has(0)) return {};
    if (call.at(0).is_string()) return call.at(0);
    return call.evaluation.text(
        to_string(call.at(0), call.evaluation.truthy(call.at(1)), call.evaluation.budget));
}

Value length(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.step(text.size() / 64);
    return Value::of_number(static_cast<double>(count_characters(text)));
}

// The part of a text from one character to before another one; the arguments are as for slice() of
// ECMAScript.
Value slice(const Call& call, std::string_view text, double from, double to) {
    const auto size = static_cast<double>(count_characters(text));
    call.evaluation.budget.step(text.size() / 64);
    const auto clamp = [size](double at) {
        at = std::isnan(at) ? 0 : std::trunc(at);
        return at < 0 ? std::max(size + at, 0.0) : std::min(at, size);
    };
    const double first = clamp(from);
    const double last = clamp(to);
    if (last <= first) return call.evaluation.text("");
    const std::size_t start = offset_of_character(text, static_cast<std::size_t>(first));
    const std::string_view rest = text.substr(start);
    return call.evaluation.text(
        rest.substr(0, offset_of_character(rest, static_cast<std::size_t>(last - first))));
}

Value substring(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.text(text.size());
    const auto size = static_cast<double>(count_characters(text));
    double start = call.has(1) ? call.at(1).number() : 0;
    if (size + start < 0) start = 0;
    if (!call.has(2)) return slice(call, text, start, size);
    const double count = call.at(2).number();
    // A missing start is not a number, and neither is the end that the reference implementation computes from
    // it.
    if (count <= 0 || !call.has(1)) return call.evaluation.text("");
    return slice(call, text, start, start >= 0 ? start + count : size + start + count);
}

Value substring_before(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    if (!call.has(1)) return call.at(0);
    const std::size_t at = text::find(text, call.at(1).string(), 0, call.evaluation.budget);
    return at == std::string_view::npos ? call.at(0) : call.evaluation.text(text.substr(0, at));
}

Value substring_after(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    if (!call.has(1)) return call.at(0);
    const std::string_view mark = call.at(1).string();
    const std::size_t at = text::find(text, mark, 0, call.evaluation.budget);
    return at == std::string_view::npos ? call.at(0) : call.evaluation.text(text.substr(at + mark.size()));
}

Value lowercase(const Call& call) {
    if (!call.has(0)) return {};
    call.evaluation.budget.bytes(call.at(0).string().size());
    call.evaluation.budget.step(call.at(0).string().size() / 8);
    return call.evaluation.text(text::to_lower(call.at(0).string()));
}

Value uppercase(const Call& call) {
    if (!call.has(0)) return {};
    call.evaluation.budget.bytes(call.at(0).string().size());
    call.evaluation.budget.step(call.at(0).string().size() / 8);
    return call.evaluation.text(text::to_upper(call.at(0).string()));
}

// Replaces each run of blanks by one blank, and removes those at the ends.
Value trim(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    call.evaluation.budget.bytes(text.size());
    call.evaluation.budget.step(text.size() / 16);
    std::string out;
    bool pending = false;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            pending = !out.empty();
            continue;
        }
        if (pending) out.push_back(' ');
        pending = false;
        out.push_back(c);
    }
    return call.evaluation.text(out);
}

Value pad(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view text = call.at(0).string();
    const double width = call.has(1) ? std::trunc(call.at(1).number()) : 0;
    std::string_view filler = call.has(2) ? call.at(2).string() : std::string_view(" ");
    if (filler.empty()) filler = " ";
    call.evaluation.budget.text(text.size());
    const double missing = std::abs(width) - static_cast<double>(count_characters(text));
    if (!(missing > 0)) return call.at(0);
    if (missing > 1e9) Budget::out_of_bytes();
    call.evaluation.budget.bytes(static_cast<std::size_t>(missing) * 4 + text.size());
    std::string padding;
    std::size_t at = 0;
    for (auto left = static_cast<std::size_t>(missing); left > 0; --left) {
        if (left % 256 == 0) call.evaluation.budget.step(32);
        const std::size_t width_here = width_of(filler[at]);
        padding += filler.substr(at, width_here);
        at += width_here;
        if (at >= filler.size()) at = 0;
    }
    return call.evaluation.text(width > 0 ? std::string(text) + padding : padding + std::string(text));
}

Value join(const Call& call) {
    if (!call.has(0)) return {};
    const std::string_view separator = call.has(1) ? call.at(1).string() : std::string_view();
    const Items items(call.at(0));
    std::size_t size = 0;
    call.evaluation.budget.step(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
        size += items[i].string().size() + separator.size();
    call.evaluation.budget.bytes(size);
    std::string out;
    out.reserve(size);
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0) out += separator;
        out += items[i].string();
    }
    return call.evaluation.text(out);
}

Value evaluate_string(const Call& call) {
    if (!call.has(0)) return {};
    Value input = call.has(1) ? call.at(1) : call.input;
    if (call.has(1) && input.is_array() && !input.is_sequence()) {
        List* wrapper = call.evaluation.sequence_of(input);
        wrapper->outer_wrapper = true;
        input = Value::of_list(wrapper);
    }
    return call.evaluation.evaluate_text(call.at(0).string(), input, call.frame);
}

constexpr LibraryRow kRows[] = {
    {"string", "<x-b?:s>", 1, 2, string},
    {"length", "<s-:n>", 1, 1, length},
    {"substring", "<s-nn?:s>", 3, 3, substring},
    {"substringBefore", "<s-s:s>", 2, 2, substring_before},
    {"substringAfter", "<s-s:s>", 2, 2, substring_after},
    {"lowercase", "<s-:s>", 1, 1, lowercase},
    {"uppercase", "<s-:s>", 1, 1, uppercase},
    {"trim", "<s-:s>", 1, 1, trim},
    {"pad", "<s-ns?:s>", 3, 3, pad},
    {"join", "<a<s>s?:s>", 2, 2, join},
    {"eval", "<sx?:x>", 2, 2, evaluate_string},
};

}  // namespace

std::span<const LibraryRow> string_functions() {
    return kRows;
}

}  // namespace flowctl::jsonata
