// A secret that is kept for long in a process whose memory may become a core file: it stands on pages of its own,
// which no core file has and no child process inherits, and which the kernel does not swap out where the limits
// allow that. It takes a page of memory at least, so it is for the few secrets of a session; a Secret is for others.
#pragma once

#include <cstddef>
#include <string_view>

namespace flowctl::net {

class HiddenSecret {
  public:
    HiddenSecret() noexcept = default;
    // Throws std::bad_alloc where there is no memory that can be hidden.
    explicit HiddenSecret(std::string_view bytes);
    HiddenSecret(HiddenSecret&& other) noexcept;
    HiddenSecret& operator=(HiddenSecret&& other) noexcept;
    HiddenSecret(const HiddenSecret&) = delete;
    HiddenSecret& operator=(const HiddenSecret&) = delete;
    ~HiddenSecret();

    std::string_view reveal() const noexcept { return {pages_, size_}; }  // never store what it returns
    bool empty() const noexcept { return size_ == 0; }

  private:
    void forget() noexcept;

    char* pages_ = nullptr;
    std::size_t room_ = 0;  // whole pages
    std::size_t size_ = 0;
};

}  // namespace flowctl::net
