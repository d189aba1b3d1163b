// Result<T, E>: a value or an expected failure.
//
// The core never throws for anything that a user, a row or an endpoint can cause; it returns a Result. Only
// bugs, exhausted memory and exhausted budgets (budget.hpp) are exceptions. C++20 does not have
// std::expected.
#pragma once

#include <utility>
#include <variant>

namespace flowctl {

template <class E>
struct Err {
    E error;
};
template <class E>
Err(E) -> Err<E>;

template <class T, class E>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Err<E> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    // The value. Throws std::bad_variant_access if there is none, which is a bug of the caller.
    const T& value() const& { return std::get<0>(state_); }
    T& value() & { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    const E& error() const& { return std::get<1>(state_); }
    E&& error() && { return std::get<1>(std::move(state_)); }

    const T& operator*() const& { return value(); }
    const T* operator->() const { return &value(); }

  private:
    std::variant<T, E> state_;
};

}  // namespace flowctl
