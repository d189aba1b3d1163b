// Signatures of functions, such as <s-n?:s>.
//
// A signature is a regular expression over the types of the arguments, and arguments are matched with it in
// this way: each parameter takes none, one or several of them. Then the context is filled in, single values
// are wrapped where an array is wanted, and the contents of arrays are checked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/jsonata/value.hpp"

namespace flowctl::jsonata {

struct Signature {
    enum class Times : std::uint8_t { Once, Optional, LazyOptional, OneOrMore, LazyOneOrMore };
    struct Parameter {
        std::string accepts;  // the letters of types: s n b l o a f, and m for missing
        char type = 'x';
        Times times = Times::Once;
        bool context = false;  // whether it is taken from the context when not given
        bool has_subtype = false;
        std::string subtype;
    };
    std::vector<Parameter> parameters;
};

// Throws Raised S0401 or S0402; `position` is where the text begins.
std::unique_ptr<Signature> parse_signature(std::string_view text, std::size_t position);

using Arguments = std::vector<Value>;

// Changes the arguments to those that the function gets. Throws Raised T0410, T0411 or T0412.
void validate(const Signature& signature, Arguments& arguments, const Value& context, Arena& arena);

}  // namespace flowctl::jsonata
