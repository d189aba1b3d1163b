// A compiled schema: its parts, as compile.cpp makes them and check.cpp follows them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/schema/json_schema.hpp"
#include "core/text/regex_run.hpp"

namespace flowctl::schema {

enum Type : unsigned {
    kNull = 1,
    kBoolean = 2,
    kNumber = 4,
    kInteger = 8,
    kString = 16,
    kArray = 32,
    kObject = 64,
};

enum class Format { None, DateTime, Date, Time, Uuid, Email, Ipv4, Ipv6 };

struct Pattern {
    std::string text;
    regex::Program program;
};

struct Dependency {
    std::string name;
    std::vector<std::string> required;
    const Node* schema = nullptr;  // instead
};

// Where nothing is said, a member is empty.
struct Node {
    std::optional<bool> fixed;  // the schema is true or false
    const Node* reference = nullptr;  // then nothing else counts

    unsigned types = 0;
    std::string type_names;
    std::optional<json::Value> constant;
    std::vector<json::Value> choices;
    bool has_choices = false;

    std::optional<json::Value> multiple_of, maximum, exclusive_maximum, minimum, exclusive_minimum;
    std::optional<std::uint64_t> max_length, min_length, max_items, min_items, max_properties, min_properties;
    std::shared_ptr<const Pattern> pattern;
    Format format = Format::None;
    std::string format_name;

    const Node* items = nullptr;         // for all of them
    std::vector<const Node*> tuple;      // for the first ones
    const Node* additional_items = nullptr;
    const Node* contains = nullptr;
    bool unique_items = false;

    std::vector<std::string> required;
    std::map<std::string, const Node*, std::less<>> properties;
    std::vector<std::pair<std::shared_ptr<const Pattern>, const Node*>> pattern_properties;
    const Node* additional_properties = nullptr;
    const Node* property_names = nullptr;
    std::vector<Dependency> dependencies;

    std::vector<const Node*> all_of, any_of, one_of;
    const Node* negated = nullptr;
    const Node *condition = nullptr, *then_schema = nullptr, *else_schema = nullptr;
};

struct Schema::Nodes {
    std::vector<std::unique_ptr<Node>> all;
    const Node* root = nullptr;
};

}  // namespace flowctl::schema
