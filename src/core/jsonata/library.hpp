// The function library: the arguments of a call, and the search for functions by name.
//
// Functions are grouped by topic in library_*.cpp, and each of these files returns the rows of its topic.
// library.cpp joins them into one table sorted by name, which is made at first use and never changes after
// that.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "core/jsonata/evaluation.hpp"
#include "core/jsonata/signature.hpp"

namespace flowctl::jsonata {

// A call of a library function. Its arguments match the signature already, and missing ones are undefined.
struct Call {
    Evaluation& evaluation;
    const Arguments& arguments;
    const Value& input;  // the context item
    Frame* frame;

    Value at(std::size_t i) const noexcept { return i < arguments.size() ? arguments[i] : Value(); }
    bool has(std::size_t i) const noexcept { return !at(i).is_undefined(); }
    Function* function(std::size_t i) const noexcept { return at(i).function; }
};

struct LibraryRow {
    std::string_view name;
    std::string_view signature;
    // How many arguments a higher-order function passes to it: the parameters before the first default in the
    // reference implementation.
    unsigned arity;
    unsigned parameters;
    Value (*run)(const Call&);
};

struct Builtin {
    LibraryRow row;
    std::unique_ptr<Signature> signature;
    bool is_eval = false;
};

const Builtin* find_builtin(std::string_view name);

std::span<const LibraryRow> string_functions();
std::span<const LibraryRow> matching_functions();
std::span<const LibraryRow> encoding_functions();
std::span<const LibraryRow> number_functions();
std::span<const LibraryRow> array_functions();
std::span<const LibraryRow> object_functions();
std::span<const LibraryRow> higher_order_functions();
std::span<const LibraryRow> date_functions();
std::span<const LibraryRow> flow_functions();

}  // namespace flowctl::jsonata
