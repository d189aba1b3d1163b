// Checks flows of the type EXPRESS: they cannot have work that outlives the state's own call. The check works
// on the JSON, as graph.cpp does. See states.hpp.
#include "core/asl/distribution.hpp"
#include "core/asl/resource.hpp"
#include "core/asl/states.hpp"
#include "core/asl/walk.hpp"

namespace flowctl::asl {

namespace {

void check_block(const json::Value& block, const Where& where, Findings& findings);

void check_state(const json::Value& state, const Where& where, Findings& findings) {
    for_each_inner(state, where, [&](const json::Value& inner, const Where& inner_where, Inner what) {
        if (what == Inner::Processor && is_distributed(inner))
            findings.error(Where(inner_where, "ProcessorConfig"),
                           "Express state machine does not support distributed Map states");
        else
            check_block(inner, inner_where, findings);
    });
    const json::Value* type = state.find("Type");
    const json::Value* text = state.find("Resource");
    const bool is_task = type != nullptr && type->is_string() && type->as_string() == "Task";
    if (!is_task || text == nullptr || !text->is_string()) return;
    const auto resource = Resource::parse(text->as_string());
    if (!resource.ok()) return;
    const Where here(where, "Resource");
    if (resource->sync) {
        findings.error(here, "Express state machine does not support '.sync' service integration");
    } else if (resource->wait_for_token) {
        findings.error(here,
                       "Express state machine does not support '.waitForTaskToken' service integration");
    } else if (resource->kind == Resource::Kind::Activity) {
        findings.error(here, "Express state machine does not support activities");
    } else if (resource->kind == Resource::Kind::Approval) {
        findings.error(here, "Express state machine does not support approvals");
    } else if (resource->kind == Resource::Kind::Event) {
        findings.error(here, "Express state machine does not support waiting for events");
    }
}

void check_block(const json::Value& block, const Where& where, Findings& findings) {
    for_each_state(block, where, [&](const json::Member& state, const Where& here) {
        check_state(state.value, here, findings);
    });
}

}  // namespace

void check_express(const json::Value& block, const Where& where, Findings& findings) {
    check_block(block, where, findings);
}

}  // namespace flowctl::asl
