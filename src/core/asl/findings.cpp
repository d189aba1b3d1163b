// Collecting and ordering findings; see findings.hpp.
#include "core/asl/findings.hpp"

#include <algorithm>
#include <charconv>

namespace flowctl::asl {

namespace {

// A hostile definition can have a million mistakes, so no more findings than this are kept.
constexpr std::size_t kKept = 1'000;
constexpr std::size_t kKeptBytes = 4 * 1024 * 1024;

std::string unescape(std::string_view token) {
    std::string out;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] == '~' && i + 1 < token.size()) {
            out += token[++i] == '1' ? '/' : '~';
        } else {
            out += token[i];
        }
    }
    return out;
}

// The index of the object's member whose value find() gave.
std::size_t index_of(const json::Value& object, const json::Value& value) {
    return static_cast<std::size_t>(reinterpret_cast<const char*>(&value) -
                                    reinterpret_cast<const char*>(&object.members().front().value)) /
           sizeof(json::Member);
}

// The place of a finding as positions of members and elements. Such places sort in document order.
std::vector<std::size_t> position_of(const json::Value& document, std::string_view pointer) {
    std::vector<std::size_t> position;
    const json::Value* at = &document;
    while (!pointer.empty()) {
        pointer.remove_prefix(1);
        const std::size_t end = std::min(pointer.find('/'), pointer.size());
        const std::string token = unescape(pointer.substr(0, end));
        pointer.remove_prefix(end);
        const json::Value* next = nullptr;
        if (at->is_object()) {
            next = at->find(token);
            if (next != nullptr) position.push_back(index_of(*at, *next));
        } else if (at->is_array()) {
            std::size_t index = 0;
            const auto [rest, failure] = std::from_chars(token.data(), token.data() + token.size(), index);
            if (failure == std::errc() && rest == token.data() + token.size() && index < at->items().size()) {
                position.push_back(index);
                next = &at->items()[index];
            }
        }
        if (next == nullptr) break;
        at = next;
    }
    return position;
}

}  // namespace

void Findings::error(const Where& where, std::string message, std::string_view code) {
    any_error_ = true;
    if (keeps_more())
        error_at(where.pointer(), std::move(message), code);
    else
        not_kept_++;
}

void Findings::error_at(std::string pointer, std::string message, std::string_view code) {
    any_error_ = true;
    if (!keeps_more()) {
        not_kept_++;
        return;
    }
    add(Finding::Severity::Error, std::move(pointer), std::move(message), code);
}

void Findings::warning(const Where& where, std::string message, std::string_view code) {
    if (keeps_more())
        add(Finding::Severity::Warning, where.pointer(), std::move(message), code);
    else
        not_kept_++;
}

void Findings::add(Finding::Severity severity, std::string pointer, std::string message, std::string_view code) {
    kept_bytes_ += pointer.size() + message.size();
    found_.push_back({severity, std::string(code), std::move(pointer), std::move(message)});
}

bool Findings::keeps_more() const noexcept {
    return found_.size() < kKept && kept_bytes_ < kKeptBytes;
}

std::vector<Finding> Findings::in_document_order(const json::Value& document) && {
    struct Placed {
        std::vector<std::size_t> position;
        Finding finding;
    };
    std::vector<Placed> placed;
    placed.reserve(found_.size());
    for (Finding& finding : found_) {
        std::vector<std::size_t> position = position_of(document, finding.location);
        placed.push_back({std::move(position), std::move(finding)});
    }
    std::stable_sort(placed.begin(), placed.end(),
                     [](const Placed& a, const Placed& b) { return a.position < b.position; });
    std::vector<Finding> out;
    out.reserve(placed.size());
    for (Placed& each : placed)
        out.push_back(std::move(each.finding));
    bound_findings(out, not_kept_);
    return out;
}

void bound_findings(std::vector<Finding>& findings, std::size_t not_listed) {
    if (findings.size() <= kMostFindings && not_listed == 0) return;
    const std::size_t kept = std::min(findings.size(), kMostFindings - 1);
    const std::size_t others = findings.size() - kept + not_listed;
    const auto is_error = [](const Finding& finding) { return finding.severity == Finding::Severity::Error; };
    const bool any_error = std::any_of(findings.begin(), findings.end(), is_error);
    findings.resize(kept);
    findings.push_back(
        {any_error ? Finding::Severity::Error : Finding::Severity::Warning, std::string(kLeftOut), "",
         std::to_string(others) + (others == 1 ? " more finding is" : " more findings are") + " left out"});
}

}  // namespace flowctl::asl
