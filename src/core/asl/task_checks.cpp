// Checks of the fields of a Task that depend on its Resource; see task_checks.hpp.
#include "core/asl/task_checks.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"
#include "core/asl/context_use.hpp"
#include "core/asl/integrations.hpp"

namespace flowctl::asl {

namespace {

constexpr std::size_t kMostNameCharacters = 80;

class TaskChecker {
  public:
    TaskChecker(Fields& fields, const Resource& resource)
        : fields_(fields),
          resource_(resource),
          is_jsonata_(fields.language() == QueryLanguage::Jsonata),
          input_(is_jsonata_ ? "Arguments" : "Parameters") {}

    void check() {
        check_members("Credentials", "RoleArn");
        check_required();
        if (resource_.kind == Resource::Kind::Flow && resource_.name.empty()) check_start_execution();
        if (resource_.kind == Resource::Kind::Event) check_event();
        if (resource_.wait_for_token) check_token_use();
    }

  private:
    // Whether the object has the member, either as a value or with a path.
    bool has_member(const json::Value& object, std::string_view name) const {
        if (object.find(name) != nullptr) return true;
        return !is_jsonata_ && object.find(std::string(name) + ".$") != nullptr;
    }

    // An object that is written out must have one of these members, whose names stand between bars.
    void check_members(std::string_view field, std::string_view names) {
        const json::Value* object = fields_.any(field);
        if (object == nullptr || !object->is_object()) return;
        for (std::string_view rest = names;;) {
            const std::size_t bar = rest.find('|');
            if (has_member(*object, rest.substr(0, bar))) return;
            if (bar == std::string_view::npos) break;
            rest.remove_prefix(bar + 1);
        }
        std::string shown(names);
        const bool several = names.find('|') != std::string_view::npos;
        for (std::size_t bar = shown.find('|'); bar != std::string::npos; bar = shown.find('|', bar))
            shown.replace(bar, 1, ", ");
        fields_.findings().error(fields_.at(field),
                                 several ? "There should be one of the following fields: [" + shown + "]"
                                         : "The field '" + shown + "' is required but was missing");
    }

    // The parameters of a Task that waits for an event say for which.
    void check_event() {
        if (fields_.any(input_) == nullptr)
            fields_.findings().error(fields_.where(), "The field '" + std::string(input_) + "' with the field 'Type' is required "
                                                     "to wait for an event");
        else
            check_members(input_, "Type");
    }

    // Checks the parameters that AWS's integrations require.
    void check_required() {
        const auto integration = integration_of_arn(resource_.text);
        if (!integration) return;
        const std::size_t colon = integration->find(':');
        if (colon == std::string_view::npos) return;
        const Integration* known =
            find_integration(integration->substr(0, colon), integration->substr(colon + 1));
        if (known == nullptr) return;
        for (const std::string_view names : known->required)
            check_members(input_, names);
    }

    // Checks the parameters of states:startExecution.
    void check_start_execution() {
        const json::Value* object = fields_.any(input_);
        if (object == nullptr || !object->is_object()) return;
        constexpr std::array<std::string_view, 4> kKnown = {"StateMachineArn", "Input", "Name", "TraceHeader"};
        const Where where = fields_.at(input_);
        for (const json::Member& member : object->members()) {
            std::string_view name = member.key;
            const bool is_path = !is_jsonata_ && name.ends_with(".$");
            if (is_path) name.remove_suffix(2);
            if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
                fields_.findings().error(where, "The field '" + member.key + "' is not supported by Step Functions");
                continue;
            }
            if (is_path || name == "Input") continue;
            const Where here(where, member.key);
            if (!member.value.is_string())
                fields_.findings().error(here, "Expected value of type String");
            else if (name == "Name" && !is_written_expression(member.value))
                check_name(member.value.as_string(), here);
        }
    }
    bool is_written_expression(const json::Value& text) const {
        return is_jsonata_ && text.as_string().starts_with("{%");
    }
    void check_name(std::string_view name, const Where& where) {
        const std::size_t length = count_characters(name);
        if (length == 0 || length > kMostNameCharacters)
            fields_.findings().error(where, "Name must be between 1 and 80 characters long");
    }

    // Nobody can answer a task whose token nobody gets.
    void check_token_use() {
        const json::Value* input = fields_.any(input_);
        if (input != nullptr && may_read_token(*input, fields_.language())) return;
        fields_.findings().warning(fields_.at("Resource"),
                                   "The task waits for an answer with its token, and " + std::string(input_) +
                                       " does not pass the token on. It is Task.Token of the Context Object",
                                   kUnusedToken);
    }

    Fields& fields_;
    const Resource& resource_;
    const bool is_jsonata_;
    const std::string_view input_;
};

}  // namespace

void check_task(Fields& fields, const Resource& resource) {
    TaskChecker(fields, resource).check();
}

}  // namespace flowctl::asl
