// Reading XML documents. See xml.hpp.
#include "base/xml.hpp"

#include <algorithm>
#include <cstdint>

#include "base/utf8.hpp"
#include "base/wipe.hpp"

namespace flowctl {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

// The code point of "#38" or "#x26", or nothing.
std::optional<std::uint32_t> numeric_entity(std::string_view name) {
    if (name.size() < 2 || name.size() > 9 || name.front() != '#') return std::nullopt;
    const bool hex = name[1] == 'x';
    std::uint32_t point = 0;
    for (const char c : name.substr(hex ? 2 : 1)) {
        std::uint32_t digit = 99;
        if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
        if (hex && c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
        if (hex && c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
        if (digit >= (hex ? 16U : 10U)) return std::nullopt;
        point = point * (hex ? 16U : 10U) + digit;
    }
    const bool valid = point > 0 && point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    return valid && name.size() > (hex ? 2U : 1U) ? std::optional(point) : std::nullopt;
}

bool append_entity(std::string& out, std::string_view name) {
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, c] : kNamed) {
        if (name != known) continue;
        out += c;
        return true;
    }
    const auto point = numeric_entity(name);
    if (!point) return false;
    append_utf8(*point, out);
    return true;
}

}  // namespace

// One pass over the text. `open_` holds the elements around the current place.
class XmlReader {
  public:
    XmlReader(std::string_view text, const XmlLimits& limits, XmlText& document)
        : rest_(text), limits_(limits), document_(document) {}
    ~XmlReader() { wipe(text_); }

    std::optional<std::string> read() {
        // A byte order mark is not part of the document.
        if (constexpr std::string_view kMark = "\xef\xbb\xbf"; rest_.starts_with(kMark))
            rest_.remove_prefix(kMark.size());
        while (!rest_.empty()) {
            if (rest_.front() != '<') {
                if (auto fault = read_text()) return fault;
                continue;
            }
            if (skip("<!--", "-->") || skip("<?", "?>")) continue;
            if (rest_.starts_with("<![CDATA[")) {
                const std::size_t end = rest_.find("]]>");
                if (end == rest_.npos || open_.empty()) return "is not well-formed XML";
                text_ += rest_.substr(9, end - 9);
                rest_.remove_prefix(end + 3);
                continue;
            }
            if (rest_.starts_with("<!")) return "holds a document type or a declaration";
            if (auto fault = rest_.starts_with("</") ? close() : open()) return fault;
        }
        if (!open_.empty() || !seen_root_) return "is not well-formed XML";
        return std::nullopt;
    }

  private:
    bool skip(std::string_view begin, std::string_view end) {
        if (!rest_.starts_with(begin)) return false;
        const std::size_t at = rest_.find(end, begin.size());
        if (at == rest_.npos) return false;
        rest_.remove_prefix(at + end.size());
        return true;
    }

    std::optional<std::string> read_text() {
        const std::size_t end = std::min(rest_.find('<'), rest_.size());
        std::string_view text = rest_.substr(0, end);
        rest_.remove_prefix(end);
        if (open_.empty())
            return text.find_first_not_of(kBlank) == text.npos
                       ? std::nullopt
                       : std::optional<std::string>("is not well-formed XML");
        text_.reserve(text_.size() + text.size());
        while (!text.empty()) {
            const std::size_t ampersand = std::min(text.find('&'), text.size());
            text_ += text.substr(0, ampersand);
            text.remove_prefix(ampersand);
            if (text.empty()) break;
            const std::size_t semicolon = text.find(';');
            if (semicolon == text.npos || !append_entity(text_, text.substr(1, semicolon - 1)))
                return "holds an entity that is not known";
            text.remove_prefix(semicolon + 1);
        }
        return std::nullopt;
    }

    std::string_view take_name() {
        std::size_t end = 0;
        while (end < rest_.size() && is_name_character(rest_[end]))
            end++;
        const std::string_view name = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return name;
    }

    std::optional<std::string> open() {
        rest_.remove_prefix(1);
        const std::string_view name = take_name();
        if (name.empty() || (open_.empty() && seen_root_)) return "is not well-formed XML";
        seen_root_ = true;
        // Skips the attributes. A '>' may stand within their quotes.
        char quote = '\0';
        std::size_t at = 0;
        for (; at < rest_.size(); at++) {
            const char c = rest_[at];
            if (quote != '\0') {
                if (c == quote) quote = '\0';
            } else if (c == '"' || c == '\'') {
                quote = c;
            } else if (c == '>' || c == '<') {
                break;
            }
        }
        if (at == rest_.size() || rest_[at] == '<') return "is not well-formed XML";
        const bool empty = at > 0 && rest_[at - 1] == '/';
        rest_.remove_prefix(at + 1);
        wipe(text_);
        leaf_ = !empty;
        std::vector<XmlText::Node>& nodes = document_.nodes_;
        if (empty && !nodes.empty()) return std::nullopt;
        if (open_.size() == limits_.depth) return "is nested too deeply";
        if (nodes.size() == limits_.elements) return "holds too many elements";
        const std::size_t parent = open_.empty() ? 0 : open_.back().node;
        // Without a ':' npos + 1 is 0, so this is the whole name.
        const std::string_view local = name.substr(name.find(':') + 1);
        if (!empty) open_.push_back({name, nodes.size()});
        nodes.push_back({std::string(local), "", parent, nodes.size() + 1, false});
        return std::nullopt;
    }

    std::optional<std::string> close() {
        rest_.remove_prefix(2);
        const std::string_view name = take_name();
        rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
        if (open_.empty() || name != open_.back().name || !rest_.starts_with(">"))
            return "is not well-formed XML";
        rest_.remove_prefix(1);
        XmlText::Node& node = document_.nodes_[open_.back().node];
        node.end = document_.nodes_.size();
        node.leaf = leaf_;
        if (leaf_) node.text = text_;
        wipe(text_);
        leaf_ = false;
        open_.pop_back();
        return std::nullopt;
    }

    struct Open {
        std::string_view name;
        std::size_t node;
    };
    std::string_view rest_;
    const XmlLimits& limits_;
    XmlText& document_;
    std::vector<Open> open_;
    std::string text_;
    bool leaf_ = false;  // true while only text has come since the innermost element began
    bool seen_root_ = false;
};

std::variant<XmlText, std::string> XmlText::parse(std::string_view text, const XmlLimits& limits) {
    if (text.size() > limits.bytes) return "is longer than " + std::to_string(limits.bytes) + " bytes";
    XmlText document;
    XmlReader reader(text, limits, document);
    if (auto fault = reader.read()) return *std::move(fault);
    return document;
}

XmlText::~XmlText() {
    for (Node& node : nodes_)
        wipe(node.text);
}

bool XmlText::stands_at(std::size_t node, std::string_view path, bool whole) const {
    for (;;) {
        const std::size_t slash = path.rfind('/');
        // Without a '/' npos + 1 is 0, so this is the whole path.
        if (nodes_[node].name != path.substr(slash + 1)) return false;
        if (slash == path.npos) return !whole || node == 0;
        if (node == 0) return false;
        path = path.substr(0, slash);
        node = nodes_[node].parent;
    }
}

std::optional<std::string_view> XmlText::find(std::string_view path) const {
    for (std::size_t i = 0; i < nodes_.size(); i++)
        if (nodes_[i].leaf && stands_at(i, path, false)) return nodes_[i].text;
    return std::nullopt;
}

std::vector<XmlText::Element> XmlText::elements(std::string_view path) const {
    std::vector<Element> found;
    for (std::size_t i = 0; i < nodes_.size(); i++)
        if (!nodes_[i].leaf && stands_at(i, path, true)) found.push_back(Element(*this, i));
    return found;
}

std::optional<std::string_view> XmlText::Element::find(std::string_view name) const {
    const std::vector<Node>& nodes = document_->nodes_;
    for (std::size_t i = which_ + 1; i < nodes[which_].end; i++)
        if (nodes[i].leaf && nodes[i].parent == which_ && nodes[i].name == name) return nodes[i].text;
    return std::nullopt;
}

}  // namespace flowctl
