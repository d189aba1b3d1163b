// Secrets on pages of their own: what the kernel is told about these pages, and that they go.
#include "net/crypto/hidden_secret.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace flowctl::net {
namespace {

// The flags of the mapping that an address is in, as /proc/self/smaps has them; empty: it is in none.
std::string flags_of(const void* address) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::ifstream maps("/proc/self/smaps");
    bool found = false;
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0, to = 0;
        char blank = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx%c", &from, &to, &blank) == 3 && blank == ' ')
            found = wanted >= from && wanted < to;
        if (found && line.starts_with("VmFlags:")) return line + " ";
    }
    return {};
}

TEST(HiddenSecret, IsInNoCoreFileAndInNoChild) {
    const HiddenSecret secret("hunter2");
    EXPECT_EQ(secret.reveal(), "hunter2");
    const std::string flags = flags_of(secret.reveal().data());
    EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;  // MADV_DONTDUMP
    EXPECT_NE(flags.find(" dc "), std::string::npos) << flags;  // MADV_DONTFORK
}

TEST(HiddenSecret, HasItsPagesForItself) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    for (const std::size_t size : {std::size_t{1}, page - 1, page, page + 1, 3 * page}) {
        const std::string text(size, 'x');
        const HiddenSecret first(text), second(text);
        EXPECT_EQ(first.reveal(), text);
        const auto at = [](const HiddenSecret& secret) {
            return reinterpret_cast<std::uintptr_t>(secret.reveal().data());
        };
        EXPECT_EQ(at(first) % page, 0U);
        EXPECT_EQ(at(second) % page, 0U);
        EXPECT_NE(flags_of(first.reveal().data() + size - 1).find(" dd "), std::string::npos);
    }
}

TEST(HiddenSecret, GoesWithItsPages) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* address = nullptr;
    unsigned char resident = 0;
    {
        HiddenSecret secret("hunter2");
        address = const_cast<char*>(secret.reveal().data());
        HiddenSecret moved(std::move(secret));
        EXPECT_TRUE(secret.empty());  // NOLINT: that it is empty is what is tested
        EXPECT_EQ(moved.reveal().data(), address);
        EXPECT_EQ(mincore(address, page, &resident), 0);
        HiddenSecret other("other");
        void* const of_other = const_cast<char*>(other.reveal().data());
        other = std::move(moved);
        EXPECT_EQ(other.reveal(), "hunter2");
        EXPECT_EQ(mincore(of_other, page, &resident), -1);
    }
    EXPECT_EQ(mincore(address, page, &resident), -1);
}

TEST(HiddenSecret, OfNothingIsEmpty) {
    EXPECT_TRUE(HiddenSecret().empty());
    EXPECT_TRUE(HiddenSecret("").empty());
}

}  // namespace
}  // namespace flowctl::net
