// Transcript: what a series of calls of advance() has given, as text.
//
// An evaluation that takes long is done in a process of its own, and its outcome has to come back from there:
// the steps and the frame after the last one. Whoever reads the text gets the steps that advance() would have
// given him. A payload that several steps share is written once for each of them, and a frame comes back as
// after Frame::load().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/machine/machine.hpp"

namespace flowctl::machine {

// What advance() is given beside the run.
struct Given {
    Event event;
    Now now;
};

struct Transcript {
    std::vector<Step> steps;
    Frame frame;  // after the last of them

    // `run_input`: RunContext::input, which is left out of the frame, and which load() must be given again.
    std::string save(const json::Value& run_input) const;
    // Fails with a reason when the text is not a transcript. It may come from anywhere.
    static Result<Transcript, std::string> load(std::string_view text, const json::Value& run_input);
};

// Advances the frame by these events, one after the other, until the run has ended or an InterruptScope's
// flag is raised; then the last step is the interrupted one.
Transcript advance_by(const asl::Flow& flow, const RunContext& run, const Limits& limits, Frame frame,
                      const std::vector<Given>& given);

}  // namespace flowctl::machine
