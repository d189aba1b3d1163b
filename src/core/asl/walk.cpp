// Places in a definition as JSON Pointers. See walk.hpp.
#include "core/asl/walk.hpp"

#include <vector>

namespace flowctl::asl {

std::string escape_pointer_token(std::string_view token) {
    std::string out;
    for (const char c : token) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

std::string Where::pointer() const {
    std::vector<const Where*> chain;
    for (const Where* at = this; at->parent_ != nullptr; at = at->parent_)
        chain.push_back(at);
    std::string out;
    for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
        out += '/';
        out += (*it)->is_index_ ? std::to_string((*it)->index_) : escape_pointer_token((*it)->key_);
    }
    return out;
}

}  // namespace flowctl::asl
