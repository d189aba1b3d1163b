// Frames as values: what copies and moves them; see frame.hpp and machine.hpp. Saving and loading them is in
// frame_saved.cpp.
#include "core/machine/frame.hpp"

#include "core/machine/errors.hpp"

namespace flowctl::machine {

ForkPointer::ForkPointer(Fork fork) : fork_(std::make_unique<Fork>(std::move(fork))) {}
ForkPointer::ForkPointer(const ForkPointer& other)
    : fork_(other.fork_ ? std::make_unique<Fork>(*other.fork_) : nullptr) {}
ForkPointer::ForkPointer(ForkPointer&&) noexcept = default;
ForkPointer& ForkPointer::operator=(const ForkPointer& other) {
    if (this != &other) fork_ = other.fork_ ? std::make_unique<Fork>(*other.fork_) : nullptr;
    return *this;
}
ForkPointer& ForkPointer::operator=(ForkPointer&&) noexcept = default;
ForkPointer::~ForkPointer() = default;

Frame::Frame() : data_(std::make_unique<FrameData>()) {}
Frame::Frame(const Frame& other) : data_(std::make_unique<FrameData>(*other.data_)) {}
Frame::Frame(Frame&&) noexcept = default;
Frame& Frame::operator=(const Frame& other) {
    if (this != &other) data_ = std::make_unique<FrameData>(*other.data_);
    return *this;
}
Frame& Frame::operator=(Frame&&) noexcept = default;
Frame::~Frame() = default;

std::string Frame::place() const {
    return data_->started && data_->top.entered_event > 0 ? occurred_in(data_->top) : "";
}

}  // namespace flowctl::machine
