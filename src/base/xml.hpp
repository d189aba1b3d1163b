// XmlText: the text of elements in the small XML documents that AWS's query services answer with.
//
// It reads a bounded subset: elements, attributes (passed over), character data, the five named and the
// numeric entities, comments, CDATA and the declaration. A document type definition is refused, so nothing
// expands and nothing outside is looked at. Depth, size and number of elements are bounded; there is no
// recursion. An element is found by its local name under a path of local names, whatever the namespace.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace flowctl {

class XmlText {
  public:
    // The document, or what is wrong with it (a phrase that follows "the answer").
    static std::variant<XmlText, std::string> parse(std::string_view text);
    ~XmlText();
    XmlText(XmlText&&) = default;
    XmlText& operator=(XmlText&&) = default;
    XmlText(const XmlText&) = delete;
    XmlText& operator=(const XmlText&) = delete;

    // The text of the first leaf whose path ends with these names, separated by '/'.
    std::optional<std::string_view> find(std::string_view path) const;

  private:
    XmlText() = default;
    std::vector<std::pair<std::string, std::string>> leaves_;  // path "/a/b/c" and text
};

}  // namespace flowctl
