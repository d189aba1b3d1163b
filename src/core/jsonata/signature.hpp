// Signatures of functions: <s-n?:s>.
//
// A signature is a regular expression over the types of the arguments, and that is how arguments are matched:
// each parameter takes none, one or several of them. Matching then fills in the context, wraps single values
// where an array is wanted, and checks what arrays hold.
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
        std::string accepts;  // type letters: s n b l o a f, and m for missing
        char type = 'x';
        Times times = Times::Once;
        bool context = false;  // taken from the context when not given
        bool has_subtype = false;
        std::string subtype;
    };
    std::vector<Parameter> parameters;
};

// Throws Raised S0401 or S0402; `position` is where the text begins.
std::unique_ptr<Signature> parse_signature(std::string_view text, std::size_t position);

using Arguments = std::vector<Value>;

// The arguments as the function gets them; throws Raised T0410, T0411 or T0412.
void validate(const Signature& signature, Arguments& arguments, const Value& context, Arena& arena);

}  // namespace flowctl::jsonata
