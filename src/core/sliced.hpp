// Sliced: work of the core that is done piece by piece, between other things.
//
// Some work cannot be given up and repeated with more time elsewhere, since what it makes is a structure in
// memory: a compiled definition, the inputs of the items of a Map. It has a stack of its own, and goes on
// from where it looks for interrupts (interrupt.hpp): when its slice is over it stands still there, until it
// gets the next one. So the work itself knows nothing of slices. It must do nothing but compute; whatever
// belongs to the caller's stack, such as a transaction, is not for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace flowctl {

class Sliced {
  public:
    explicit Sliced(std::function<void()> work);
    // Work that is not over ends at once, as by an interrupt.
    ~Sliced();
    Sliced(const Sliced&) = delete;
    Sliced& operator=(const Sliced&) = delete;

    // Works for about so long. True: it is over; what it has thrown is thrown here, once.
    bool go_on(std::int64_t micros);
    std::int64_t used_micros() const noexcept;

  private:
    struct Fiber;
    std::unique_ptr<Fiber> fiber_;
};

}  // namespace flowctl
