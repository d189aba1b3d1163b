// From the JSON of a schema to its nodes. See json_schema.hpp.
#include <algorithm>
#include <map>

#include "base/ascii.hpp"
#include "core/asl/walk.hpp"
#include "core/schema/schema_node.hpp"

namespace flowctl::schema {

namespace {

struct Wrong {
    Problem problem;
};

[[noreturn]] void wrong(const std::string& pointer, const std::string& message) {
    throw Wrong{{pointer, message}};
}

// The place of a member or element.
std::string below(const std::string& pointer, std::string_view key) {
    std::string place = pointer + "/" + asl::escape_pointer_token(key);
    if (place.size() > Schema::kMaxPointerBytes)
        wrong(pointer, "has a member whose JSON Pointer is longer than " +
                           std::to_string(Schema::kMaxPointerBytes) + " bytes");
    return place;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const auto digit = [&](std::size_t at) { return at < text.size() ? hex_value(text[at]) : -1; };
        if (digit(i + 1) < 0 || digit(i + 2) < 0) return std::nullopt;
        decoded += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
        i += 2;
    }
    return decoded;
}

class Compiler {
  public:
    explicit Compiler(const json::Value& root) : root_(root) {}

    std::shared_ptr<const Schema::Nodes> compile() {
        if (json::dumped_size(root_) > Schema::kMaxBytes)
            wrong("", "has more than " + std::to_string(Schema::kMaxBytes) + " bytes");
        if (json::depth(root_) > Schema::kMaxDepth)
            wrong("", "is nested more than " + std::to_string(Schema::kMaxDepth) + " levels deep");
        const regex::ProgramQuota quota(Schema::kMaxInstructions);
        find_names(root_, "");
        nodes_->root = compile_at(root_, "");
        while (!references_.empty()) {
            const Reference next = std::move(references_.back());
            references_.pop_back();
            next.from->reference = compile_at(*next.to, next.place);
        }
        refuse_circles();
        return nodes_;
    }

  private:
    // References are followed one after the other. A chain of them may be long, and each step of a recursion
    // along it would take room on the stack.
    struct Reference {
        Node* from = nullptr;
        const json::Value* to = nullptr;
        std::string place;
    };

    // Places that have a name of their own: {"$id": "#name"}.
    void find_names(const json::Value& value, const std::string& pointer) {
        if (value.is_array()) {
            for (std::size_t i = 0; i < value.size(); i++)
                find_names(value.items()[i], below(pointer, std::to_string(i)));
        } else if (value.is_object()) {
            const json::Value* id = value.find("$id");
            if (id != nullptr && id->is_string()) {
                if (pointer.empty()) base_ = id->as_string().substr(0, id->as_string().find('#'));
                if (id->as_string().starts_with('#')) names_.emplace(id->as_string().substr(1), pointer);
            }
            for (const json::Member& member : value.members())
                find_names(member.value, below(pointer, member.key));
        }
    }

    const json::Value* find(std::string_view pointer) const {
        const json::Value* value = &root_;
        while (!pointer.empty()) {
            if (pointer.front() != '/') return nullptr;
            pointer.remove_prefix(1);
            const std::size_t end = std::min(pointer.find('/'), pointer.size());
            std::string key;
            for (std::size_t i = 0; i < end; i++) {
                if (pointer[i] == '~' && i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1'))
                    key += pointer[++i] == '0' ? '~' : '/';
                else
                    key += pointer[i];
            }
            pointer.remove_prefix(end);
            if (value->is_array()) {
                std::size_t index = 0;
                if (key.empty() || key.size() > 6 || key.find_first_not_of("0123456789") != std::string::npos)
                    return nullptr;
                index = std::stoul(key);
                if (index >= value->size()) return nullptr;
                value = &value->items()[index];
            } else {
                value = value->find(key);
                if (value == nullptr) return nullptr;
            }
        }
        return value;
    }

    void note_reference(Node& node, const json::Value& reference, const std::string& pointer) {
        if (!reference.is_string()) wrong(pointer, "is not a text");
        std::string_view text = reference.as_string();
        if (!base_.empty() && text.starts_with(base_)) text.remove_prefix(base_.size());
        if (!text.empty() && !text.starts_with('#'))
            wrong(pointer, "leads out of the schema; only references such as #/definitions/x are followed");
        if (!text.empty()) text.remove_prefix(1);
        const auto place = percent_decoded(text);
        if (!place) wrong(pointer, "is not a valid reference");
        std::string target = *place;
        if (const auto named = names_.find(target); named != names_.end()) target = named->second;
        const json::Value* schema = find(target);
        if (schema == nullptr) wrong(pointer, "leads to a place that is not there");
        references_.push_back({&node, schema, std::move(target)});
    }

    const Node* compile_at(const json::Value& schema, const std::string& pointer) {
        const auto [known, is_new] = compiled_.try_emplace(pointer, nullptr);
        if (!is_new) return known->second;
        if (nodes_->all.size() >= Schema::kMaxNodes)
            wrong(pointer, "is one part too many: a schema has at most " + std::to_string(Schema::kMaxNodes));
        Node& node = *nodes_->all.emplace_back(std::make_unique<Node>());
        known->second = &node;
        if (schema.is_bool()) {
            node.fixed = schema.as_bool();
            return &node;
        }
        if (!schema.is_object()) wrong(pointer, "is not a schema, which is an object, true or false");
        if (const json::Value* dialect = schema.find("$schema"); dialect != nullptr) check_dialect(*dialect, pointer);
        if (const json::Value* reference = schema.find("$ref")) {
            note_reference(node, *reference, below(pointer, "$ref"));
            return &node;
        }
        for (const json::Member& member : schema.members())
            read(node, schema, member, below(pointer, member.key));
        return &node;
    }

    static void check_dialect(const json::Value& dialect, const std::string& pointer) {
        const std::string_view text = dialect.is_string() ? dialect.as_string() : std::string_view();
        for (const char* known : {"http://json-schema.org/draft-07/schema", "http://json-schema.org/draft-07/schema#",
                                  "https://json-schema.org/draft-07/schema",
                                  "https://json-schema.org/draft-07/schema#"})
            if (text == known) return;
        wrong(pointer + "/$schema", "is not draft 7, http://json-schema.org/draft-07/schema#");
    }

    // ---------------------------------------------------------------------------- values of keywords

    static std::uint64_t count(const json::Value& value, const std::string& pointer) {
        const auto number = value.is_number() ? value.as_integer() : std::nullopt;
        if (!number || *number < 0) wrong(pointer, "is not a whole number from 0");
        return static_cast<std::uint64_t>(*number);
    }
    static json::Value number(const json::Value& value, const std::string& pointer) {
        if (!value.is_number()) wrong(pointer, "is not a number");
        return value;
    }
    static std::vector<std::string> texts(const json::Value& value, const std::string& pointer) {
        if (!value.is_array()) wrong(pointer, "is not an array of texts");
        std::vector<std::string> list;
        for (const json::Value& item : value.items()) {
            if (!item.is_string()) wrong(pointer, "is not an array of texts");
            list.emplace_back(item.as_string());
        }
        return list;
    }
    std::vector<const Node*> schemas(const json::Value& value, const std::string& pointer, bool may_be_empty) {
        if (!value.is_array() || (value.size() == 0 && !may_be_empty)) wrong(pointer, "is not an array of schemas");
        std::vector<const Node*> list;
        for (std::size_t i = 0; i < value.size(); i++)
            list.push_back(compile_at(value.items()[i], below(pointer, std::to_string(i))));
        return list;
    }
    std::shared_ptr<const Pattern> pattern(std::string_view text, const std::string& pointer) {
        auto program = regex::compile(text, "", regex::Dialect::EcmaScript, regex::Captures::Groups);
        if (!program) wrong(pointer, "is not a regular expression that can be used: " + program.error());
        return std::make_shared<const Pattern>(Pattern{std::string(text), std::move(program).value()});
    }
    static const std::vector<json::Member>& object(const json::Value& value, const std::string& pointer) {
        if (!value.is_object()) wrong(pointer, "is not an object");
        return value.members();
    }

    static void read_types(Node& node, const json::Value& value, const std::string& pointer) {
        static constexpr std::pair<std::string_view, unsigned> kTypes[] = {
            {"null", kNull},     {"boolean", kBoolean}, {"number", kNumber}, {"integer", kInteger},
            {"string", kString}, {"array", kArray},     {"object", kObject}};
        const std::vector<std::string> names =
            value.is_string() ? std::vector<std::string>{std::string(value.as_string())} : texts(value, pointer);
        for (const std::string& name : names) {
            const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                            [&](const auto& type) { return type.first == name; });
            if (found == std::end(kTypes))
                wrong(pointer, "is not one of null, boolean, number, integer, string, array, object");
            node.types |= found->second;
            node.type_names += (node.type_names.empty() ? "" : " or ") + name;
        }
        if (names.empty()) wrong(pointer, "names no type");
    }

    static Format format_named(std::string_view name) {
        static constexpr std::pair<std::string_view, Format> kFormats[] = {
            {"date-time", Format::DateTime}, {"date", Format::Date},   {"time", Format::Time},
            {"uuid", Format::Uuid},          {"email", Format::Email}, {"ipv4", Format::Ipv4},
            {"ipv6", Format::Ipv6}};
        for (const auto& [known, format] : kFormats)
            if (known == name) return format;
        return Format::None;
    }

    void read_dependencies(Node& node, const json::Value& value, const std::string& pointer) {
        for (const json::Member& member : object(value, pointer)) {
            const std::string place = below(pointer, member.key);
            Dependency dependency{member.key, {}, nullptr};
            if (member.value.is_array())
                dependency.required = texts(member.value, place);
            else
                dependency.schema = compile_at(member.value, place);
            node.dependencies.push_back(std::move(dependency));
        }
    }

    void read(Node& node, const json::Value& schema, const json::Member& member, const std::string& pointer) {
        const std::string& key = member.key;
        const json::Value& value = member.value;
        if (key == "type") read_types(node, value, pointer);
        else if (key == "const") node.constant = value;
        else if (key == "enum") {
            if (!value.is_array() || value.size() == 0) wrong(pointer, "is not an array of values");
            node.choices = value.items();
            node.has_choices = true;
        } else if (key == "multipleOf") {
            node.multiple_of = number(value, pointer);
            if (!(value.as_double() > 0)) wrong(pointer, "is not a number above 0");
        } else if (key == "maximum") node.maximum = number(value, pointer);
        else if (key == "exclusiveMaximum") node.exclusive_maximum = number(value, pointer);
        else if (key == "minimum") node.minimum = number(value, pointer);
        else if (key == "exclusiveMinimum") node.exclusive_minimum = number(value, pointer);
        else if (key == "maxLength") node.max_length = count(value, pointer);
        else if (key == "minLength") node.min_length = count(value, pointer);
        else if (key == "maxItems") node.max_items = count(value, pointer);
        else if (key == "minItems") node.min_items = count(value, pointer);
        else if (key == "maxProperties") node.max_properties = count(value, pointer);
        else if (key == "minProperties") node.min_properties = count(value, pointer);
        else if (key == "pattern") {
            if (!value.is_string()) wrong(pointer, "is not a text");
            node.pattern = pattern(value.as_string(), pointer);
        } else if (key == "format") {
            if (!value.is_string()) wrong(pointer, "is not a text");
            node.format = format_named(value.as_string());
            node.format_name = value.as_string();
        } else if (key == "items") {
            if (value.is_array()) node.tuple = schemas(value, pointer, true);
            else node.items = compile_at(value, pointer);
        } else if (key == "additionalItems") node.additional_items = compile_at(value, pointer);
        else if (key == "contains") node.contains = compile_at(value, pointer);
        else if (key == "uniqueItems") {
            if (!value.is_bool()) wrong(pointer, "is neither true nor false");
            node.unique_items = value.as_bool();
        } else if (key == "required") node.required = texts(value, pointer);
        else if (key == "properties") {
            for (const json::Member& property : object(value, pointer))
                node.properties.emplace(property.key, compile_at(property.value, below(pointer, property.key)));
        } else if (key == "patternProperties") {
            for (const json::Member& property : object(value, pointer)) {
                const std::string place = below(pointer, property.key);
                node.pattern_properties.emplace_back(pattern(property.key, place), compile_at(property.value, place));
            }
        } else if (key == "additionalProperties") node.additional_properties = compile_at(value, pointer);
        else if (key == "propertyNames") node.property_names = compile_at(value, pointer);
        else if (key == "dependencies") read_dependencies(node, value, pointer);
        else if (key == "allOf") node.all_of = schemas(value, pointer, false);
        else if (key == "anyOf") node.any_of = schemas(value, pointer, false);
        else if (key == "oneOf") node.one_of = schemas(value, pointer, false);
        else if (key == "not") node.negated = compile_at(value, pointer);
        else if (key == "if") node.condition = compile_at(value, pointer);
        else if (key == "then" && schema.find("if") != nullptr) node.then_schema = compile_at(value, pointer);
        else if (key == "else" && schema.find("if") != nullptr) node.else_schema = compile_at(value, pointer);
        else if (key == "definitions")
            for (const json::Member& definition : object(value, pointer))
                (void)compile_at(definition.value, below(pointer, definition.key));
    }

    // ---------------------------------------------------------------------------- circles

    // The schemas that look at the same value as this one.
    static std::vector<const Node*> beside(const Node& node) {
        std::vector<const Node*> nodes;
        for (const Node* one : {node.reference, node.negated, node.condition, node.then_schema, node.else_schema})
            if (one != nullptr) nodes.push_back(one);
        for (const auto* list : {&node.all_of, &node.any_of, &node.one_of})
            nodes.insert(nodes.end(), list->begin(), list->end());
        for (const Dependency& dependency : node.dependencies)
            if (dependency.schema != nullptr) nodes.push_back(dependency.schema);
        return nodes;
    }

    void refuse_circles() const {
        enum class Mark { Open, Done };
        std::map<const Node*, Mark> marks;
        for (const auto& start : nodes_->all) {
            if (marks.contains(start.get())) continue;
            std::vector<std::pair<const Node*, std::vector<const Node*>>> way;
            way.emplace_back(start.get(), beside(*start));
            marks[start.get()] = Mark::Open;
            while (!way.empty()) {
                auto& [node, next] = way.back();
                if (next.empty()) {
                    marks[node] = Mark::Done;
                    way.pop_back();
                    continue;
                }
                const Node* to = next.back();
                next.pop_back();
                const auto marked = marks.find(to);
                if (marked == marks.end()) {
                    marks[to] = Mark::Open;
                    way.emplace_back(to, beside(*to));
                } else if (marked->second == Mark::Open) {
                    wrong(place_of(to), "refers to itself without end");
                }
            }
        }
    }
    std::string place_of(const Node* node) const {
        for (const auto& [pointer, compiled] : compiled_)
            if (compiled == node) return pointer;
        return "";
    }

    const json::Value& root_;
    std::string base_;
    std::map<std::string, std::string, std::less<>> names_;
    std::map<std::string, const Node*> compiled_;
    std::vector<Reference> references_;
    std::shared_ptr<Schema::Nodes> nodes_ = std::make_shared<Schema::Nodes>();
};

}  // namespace

Result<Schema, Problem> Schema::compile(const json::Value& schema) {
    try {
        return Schema(Compiler(schema).compile());
    } catch (Wrong& error) {
        return Err{std::move(error.problem)};
    }
}

}  // namespace flowctl::schema
