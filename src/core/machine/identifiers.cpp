// See identifiers.hpp.
#include "core/machine/identifiers.hpp"

namespace flowctl::machine {

namespace {

// The ARN of a state machine, with another type in place of "stateMachine".
std::string of_type(std::string_view state_machine, std::string_view type) {
    constexpr std::string_view kMachine = ":stateMachine:";
    std::string arn(state_machine);
    if (const std::size_t at = arn.find(kMachine); at != std::string::npos)
        arn.replace(at + 1, kMachine.size() - 2, type);
    return arn;
}

}  // namespace

std::string ArnSpace::state_machine(std::string_view flow) const {
    return "arn:" + partition + ":states:" + region + ":" + account + ":stateMachine:" + std::string(flow);
}

std::string ArnSpace::execution(std::string_view flow, std::string_view name) const {
    return of_type(state_machine(flow), "execution") + ":" + std::string(name);
}

std::string ArnSpace::express(std::string_view flow, std::string_view name, std::string_view run_id) const {
    std::string arn = of_type(state_machine(flow), "express") + ":" + std::string(name);
    if (!run_id.empty()) arn.append(":").append(run_id);
    return arn;
}

std::string ArnSpace::role(std::string_view role) const {
    return "arn:" + partition + ":iam::" + account + ":role/" + as_arn_part(role);
}

std::string map_run_arn(std::string_view state_machine, std::string_view label, std::string_view uuid) {
    return of_type(state_machine, "mapRun") + "/" + std::string(label) + ":" + std::string(uuid);
}

std::string child_state_machine(std::string_view state_machine, std::string_view label) {
    return std::string(state_machine) + "/" + std::string(label);
}

std::string child_execution(std::string_view child_state_machine, std::string_view name, bool express) {
    const std::string last(name);
    return of_type(child_state_machine, express ? "express" : "execution") + ":" + last +
           (express ? ":" + last : "");
}

std::string as_arn_part(std::string_view name) {
    std::string part;
    for (const char c : name) {
        if (c == ':') {
            part += "%3A";
        } else if (c == '%') {
            part += "%25";
        } else {
            part += c;
        }
    }
    return part;
}

}  // namespace flowctl::machine
