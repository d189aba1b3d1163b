// Implementation of refresh_file.hpp.
#include "net/tokens/refresh_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>

namespace flowctl::net {
namespace {

constexpr mode_t kOwnerOnly = 0600;

std::string errno_text(int code) {
    return std::generic_category().message(code);
}

std::string shown(const SecretFile& file) {
    return "refresh token file \"" + file.name + "\" ";
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

// Opens, does `work` with the descriptor and closes it; false, with errno, where one of them failed.
template <class Work>
bool with_file(const std::string& path, int flags, Work work) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
    if (fd < 0) return false;
    const bool done = work(fd);
    const int code = errno;
    close(fd);
    errno = code;
    return done;
}

}  // namespace

std::variant<RefreshFile, RefreshFile::Busy, std::string> RefreshFile::take(const SecretFile& file) {
    if (!is_plain_file_name(file.name)) return std::string("a refresh token file must be a plain file name");
    if (file.directory.empty()) return shown(file) + "cannot be read: flowctl.secrets_dir is not set";
    const std::string path = file.directory + "/" + file.name + ".lock";
    const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
    if (lock < 0) return shown(file) + "cannot be locked: " + errno_text(errno);
    RefreshFile taken(file, lock);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return Busy{};
        return shown(file) + "cannot be locked: " + errno_text(errno);
    }
    auto read = read_secret_file(file.directory, file.name);
    if (auto* fault = std::get_if<std::string>(&read)) return std::move(*fault);
    taken.token_ = std::get<Secret>(std::move(read));
    return taken;
}

RefreshFile::RefreshFile(RefreshFile&& other) noexcept
    : file_(std::move(other.file_)), lock_(std::exchange(other.lock_, -1)), token_(std::move(other.token_)) {}

RefreshFile::~RefreshFile() {
    if (lock_ >= 0) close(lock_);
}

std::optional<std::string> RefreshFile::replace(const Secret& token) {
    const std::string path = file_.directory + "/" + file_.name;
    const std::string next = path + ".new";
    const bool written = with_file(next, O_WRONLY | O_CREAT | O_TRUNC, [&](int fd) {
        return fchmod(fd, kOwnerOnly) == 0 && write_all(fd, token.reveal()) && fsync(fd) == 0;
    });
    if (!written || rename(next.c_str(), path.c_str()) != 0 ||
        !with_file(file_.directory, O_RDONLY | O_DIRECTORY, [](int fd) { return fsync(fd) == 0; })) {
        return shown(file_) + "cannot be replaced: " + errno_text(errno);
    }
    token_ = token.clone();
    return std::nullopt;
}

}  // namespace flowctl::net
