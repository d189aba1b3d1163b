// Any text as a definition: compile() gives findings or a flow, never both an error and a flow, and every
// finding points into the document.
#include <cstdint>
#include <cstdlib>

#include "core/asl/asl.hpp"

using namespace flowctl;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const asl::Compiled compiled = asl::compile({reinterpret_cast<const char*>(data), size});
    bool any_error = false;
    for (const asl::Finding& finding : compiled.findings) {
        any_error = any_error || finding.severity == asl::Finding::Severity::Error;
        if (finding.code.empty() || finding.message.empty()) std::abort();
        if (!finding.location.empty() && finding.location.front() != '/') std::abort();
    }
    if (compiled.findings.size() > 100 || (compiled.flow == nullptr) != any_error) std::abort();
    return 0;
}
