// A stack for work that stops and goes on, by the system's contexts (ucontext); see sliced.hpp.
#include "core/sliced.hpp"

#include <cxxabi.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "core/interrupt.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace flowctl {

namespace {

// The size in address space. Memory is taken only as the stack grows.
constexpr std::size_t kStackBytes = 16 * 1024 * 1024;

const volatile std::sig_atomic_t kAlways = 1;

std::int64_t micros_now() {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

// A stack with a guard page below it.
class Stack {
  public:
    Stack() : guard_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
        memory_ = mmap(nullptr, guard_ + kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory_ == MAP_FAILED) throw std::bad_alloc();
        (void)mprotect(memory_, guard_, PROT_NONE);
    }
    ~Stack() { munmap(memory_, guard_ + kStackBytes); }
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    char* bottom() const { return static_cast<char*>(memory_) + guard_; }

  private:
    std::size_t guard_;
    void* memory_;
};

// The C++ runtime keeps the exceptions that are being handled per thread, but they belong to a stack. So they
// are exchanged together with the stack.
struct Handled {
    void* caught = nullptr;
    unsigned uncaught = 0;

    void exchange() noexcept {
        auto* current = reinterpret_cast<Handled*>(abi::__cxa_get_globals());
        std::swap(current->caught, caught);
        std::swap(current->uncaught, uncaught);
    }
};

}  // namespace

struct Sliced::Fiber {
    explicit Fiber(std::function<void()> given) : work(std::move(given)) {}

    // Runs on the caller's stack.
    void enter() {
        handled.exchange();
        const InterruptScope* const outside = InterruptScope::exchange(scopes);
        switch_to_work();
        scopes = InterruptScope::exchange(outside);
        handled.exchange();
    }

    void switch_to_work() {
#ifdef __SANITIZE_ADDRESS__
        void* fake = nullptr;
        __sanitizer_start_switch_fiber(&fake, stack.bottom(), kStackBytes);
        swapcontext(&outside_context, &context);
        __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
        swapcontext(&outside_context, &context);
#endif
    }

    // Runs on the work's own stack.
    void switch_to_caller() {
#ifdef __SANITIZE_ADDRESS__
        void* fake = nullptr;
        __sanitizer_start_switch_fiber(is_over ? nullptr : &fake, outside_bottom, outside_size);
        swapcontext(&context, &outside_context);
        __sanitizer_finish_switch_fiber(fake, &outside_bottom, &outside_size);
#else
        swapcontext(&context, &outside_context);
#endif
    }

    void begin() {
        getcontext(&context);
        context.uc_stack.ss_sp = stack.bottom();
        context.uc_stack.ss_size = kStackBytes;
        context.uc_link = nullptr;
        const auto address = reinterpret_cast<std::uintptr_t>(this);
        makecontext(&context, reinterpret_cast<void (*)()>(&Fiber::main), 2, static_cast<unsigned>(address),
                    static_cast<unsigned>(static_cast<std::uint64_t>(address) >> 32));
        has_begun = true;
    }

    // makecontext() passes numbers only, so the pointer comes as two of them.
    static void main(unsigned low, unsigned high) {
        reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(low | (static_cast<std::uint64_t>(high) << 32)))
            ->run();
    }

    void run() {
#ifdef __SANITIZE_ADDRESS__
        __sanitizer_finish_switch_fiber(nullptr, &outside_bottom, &outside_size);
#endif
        try {
            const InterruptScope scope(kAlways, pause, this);
            work();
        } catch (...) {
            failure = std::current_exception();
        }
        is_over = true;
        switch_to_caller();  // the work is over, so this never returns
    }

    static void pause(void* context_of) {
        auto& fiber = *static_cast<Fiber*>(context_of);
        if (fiber.is_given_up) throw Interrupted();
        if (micros_now() < fiber.until) return;
        fiber.switch_to_caller();
        if (fiber.is_given_up) throw Interrupted();
    }

    std::function<void()> work;
    Stack stack;
    ucontext_t context{}, outside_context{};
    const void* outside_bottom = nullptr;
    std::size_t outside_size = 0;
    const InterruptScope* scopes = nullptr;
    Handled handled;
    std::exception_ptr failure;
    bool has_begun = false, is_over = false, is_given_up = false;
    std::int64_t until = 0, used = 0;
};

Sliced::Sliced(std::function<void()> work) : fiber_(std::make_unique<Fiber>(std::move(work))) {}

Sliced::~Sliced() {
    if (!fiber_->has_begun || fiber_->is_over) return;
    fiber_->is_given_up = true;
    fiber_->enter();
}

bool Sliced::go_on(std::int64_t micros) {
    Fiber& fiber = *fiber_;
    if (fiber.is_over) return true;
    const std::int64_t began_at = micros_now();
    fiber.until = began_at + micros;
    if (!fiber.has_begun) fiber.begin();
    fiber.enter();
    fiber.used += micros_now() - began_at;
    if (fiber.failure) std::rethrow_exception(std::exchange(fiber.failure, nullptr));
    return fiber.is_over;
}

std::int64_t Sliced::used_micros() const noexcept {
    return fiber_->used;
}

}  // namespace flowctl
