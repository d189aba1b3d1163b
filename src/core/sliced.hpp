// Sliced: work of the core that is done in slices, with other things in between.
//
// Some work cannot be ended and repeated elsewhere with more time, because its result is a structure in
// memory: a compiled definition, or the inputs of the items of a Map. Such work gets a stack of its own. It
// stops at a place where it looks for interrupts (interrupt.hpp) when its slice is over, and the next slice
// goes on from there. So the work itself knows nothing of slices. It must do nothing but compute, and must
// not use anything that belongs to the caller's stack, such as a transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace flowctl {

class Sliced {
  public:
    explicit Sliced(std::function<void()> work);
    // Work that is not over is ended, as by an interrupt.
    ~Sliced();
    Sliced(const Sliced&) = delete;
    Sliced& operator=(const Sliced&) = delete;

    // Works for about this long. True when the work is over. An exception of the work is thrown from here,
    // once.
    bool go_on(std::int64_t micros);
    std::int64_t used_micros() const noexcept;

  private:
    struct Fiber;
    std::unique_ptr<Fiber> fiber_;
};

}  // namespace flowctl
