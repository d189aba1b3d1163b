// Transcript: the steps that a series of calls of advance() has given, as text.
//
// A long evaluation is done by a process of its own, and its outcome has to come back from there: the steps,
// and the frame after the last one. Reading the text gives the same steps that advance() gave. A payload that
// several steps share is written once for each of them, and the frame is as after Frame::load().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/machine/machine.hpp"

namespace flowctl::machine {

// The arguments of one call of advance() besides the run.
struct Given {
    Event event;
    Now now;
};

struct Transcript {
    std::vector<Step> steps;
    Frame frame;  // after the last step

    // `run_input` is RunContext::input. It is left out of the frame, and load() must be given it again.
    std::string save(const json::Value& run_input) const;
    // Fails with a reason when the text is not a transcript. The text may come from anywhere.
    static Result<Transcript, std::string> load(std::string_view text, const json::Value& run_input);
};

// Advances the frame by these events, one after the other, until the run has ended or a flag of an
// InterruptScope is raised. In the latter case the last step is the interrupted one.
Transcript advance_by(const asl::Flow& flow, const RunContext& run, const Limits& limits, Frame frame,
                      const std::vector<Given>& given);

}  // namespace flowctl::machine
