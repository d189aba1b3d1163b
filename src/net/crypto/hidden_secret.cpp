// Secrets outside of core files. See hidden_secret.hpp.
#include "net/crypto/hidden_secret.hpp"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <utility>

namespace flowctl::net {

HiddenSecret::HiddenSecret(std::string_view bytes) {
    if (bytes.empty()) return;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t room = (bytes.size() + page - 1) / page * page;
    void* pages = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    if (madvise(pages, room, MADV_DONTDUMP) != 0 || madvise(pages, room, MADV_DONTFORK) != 0) {
        munmap(pages, room);
        throw std::bad_alloc();
    }
    (void)mlock(pages, room);
    pages_ = static_cast<char*>(pages);
    room_ = room;
    size_ = bytes.size();
    std::memcpy(pages_, bytes.data(), size_);
}

HiddenSecret::HiddenSecret(HiddenSecret&& other) noexcept
    : pages_(std::exchange(other.pages_, nullptr)),
      room_(std::exchange(other.room_, 0)),
      size_(std::exchange(other.size_, 0)) {}

HiddenSecret& HiddenSecret::operator=(HiddenSecret&& other) noexcept {
    if (this == &other) return *this;
    forget();
    pages_ = std::exchange(other.pages_, nullptr);
    room_ = std::exchange(other.room_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

HiddenSecret::~HiddenSecret() {
    forget();
}

void HiddenSecret::forget() noexcept {
    if (pages_ == nullptr) return;
    OPENSSL_cleanse(pages_, room_);
    munmap(pages_, room_);
    pages_ = nullptr;
}

}  // namespace flowctl::net
