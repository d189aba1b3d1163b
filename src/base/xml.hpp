// XmlText: the text of elements in the XML documents that AWS's services answer with.
//
// It reads a bounded subset: elements, attributes (skipped), character data, the five named and the numeric
// entities, comments, CDATA and the declaration. A document type definition is refused, so no entity can
// expand and nothing outside the document is read. Depth, size and number of elements are bounded, there is
// no recursion, and the time is linear in the size. An element is found by its local name and the local names
// of the elements around it, whatever the namespace.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace flowctl {

struct XmlLimits {
    std::size_t bytes = 64 * 1024;
    std::size_t elements = 1000;
    std::size_t depth = 16;
};

class XmlText {
  public:
    // Reads the document. The string says what is wrong with it, as a phrase that follows "the answer".
    static std::variant<XmlText, std::string> parse(std::string_view text, const XmlLimits& limits = {});
    ~XmlText();
    XmlText(XmlText&&) = default;
    XmlText& operator=(XmlText&&) = default;
    XmlText(const XmlText&) = delete;
    XmlText& operator=(const XmlText&) = delete;

    std::string_view root() const noexcept { return nodes_.front().name; }

    // The text of the first leaf whose path ends with these names, separated by '/'.
    std::optional<std::string_view> find(std::string_view path) const;

    // An element that has other elements in it. It is valid as long as its document lives.
    class Element {
      public:
        // The text of the first leaf of this name that stands directly in the element.
        std::optional<std::string_view> find(std::string_view name) const;

      private:
        friend class XmlText;
        Element(const XmlText& document, std::size_t which) : document_(&document), which_(which) {}
        const XmlText* document_;
        std::size_t which_;
    };
    // All elements with exactly this path from the root, in the document's order. Leaves are not included.
    std::vector<Element> elements(std::string_view path) const;

  private:
    friend class XmlReader;
    // The elements in the order in which they begin; the first is the root.
    struct Node {
        std::string name;
        std::string text;    // the text of a leaf
        std::size_t parent;  // the root is its own parent
        std::size_t end;     // the first element that begins after the end of this one
        bool leaf;
    };
    XmlText() = default;
    // Whether the names that lead to the node end with `path`, or, if `whole` is set, are exactly `path`.
    bool stands_at(std::size_t node, std::string_view path, bool whole) const;
    std::vector<Node> nodes_;
};

}  // namespace flowctl
