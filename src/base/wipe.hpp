// wipe(): forgets a secret that a string holds.
#pragma once

#include <string.h>

#include <string>

namespace flowctl {

// Overwrites the bytes, then empties the string. The C library promises that explicit_bzero() is not
// optimised away although nobody reads the bytes again.
inline void wipe(std::string& text) noexcept {
    explicit_bzero(text.data(), text.size());
    text.clear();
}

}  // namespace flowctl
