// Secrets and secret files. See secret.hpp.
//
// The file is opened once and everything is asked of that descriptor, so that nobody can swap it between
// check and use; O_NONBLOCK keeps a FIFO in its place from stopping the loop.
#include "net/crypto/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace flowctl::net {
namespace {

constexpr std::size_t kMaxSecretBytes = 65536;
constexpr std::size_t kMaxFiles = 16;

class Descriptor {
  public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const noexcept { return fd_; }

  private:
    int fd_;
};

// A buffer of secret bytes for as long as a file is read.
struct WipedBuffer {
    std::unique_ptr<char[]> bytes = std::make_unique<char[]>(kMaxSecretBytes + 1);
    WipedBuffer() = default;
    WipedBuffer(const WipedBuffer&) = delete;
    WipedBuffer& operator=(const WipedBuffer&) = delete;
    ~WipedBuffer() { OPENSSL_cleanse(bytes.get(), kMaxSecretBytes + 1); }
};

std::string errno_text(int code) {
    return std::generic_category().message(code);
}

// The checks that PostgreSQL makes of ssl_key_file.
const char* objection_to(const struct stat& file) noexcept {
    if (!S_ISREG(file.st_mode)) return "is not a regular file";
    if (file.st_uid != geteuid() && file.st_uid != 0) return "must be owned by the server's user or root";
    const mode_t forbidden = file.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((file.st_mode & forbidden) != 0)
        return "has group or world access; its mode must be 0600 or less, or 0640 or less if root owns it";
    return nullptr;
}

// The checks of a token that a platform keeps for us: it decides who may read it.
const char* objection_to_token(const struct stat& file) noexcept {
    if (!S_ISREG(file.st_mode)) return "is not a regular file";
    if (file.st_uid != geteuid() && file.st_uid != 0) return "must be owned by the server's user or root";
    if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "may be written to by others";
    return nullptr;
}

enum class Links { Refused, Followed };

std::variant<Secret, std::string> read_checked(const std::string& directory, std::string_view name,
                                               std::string_view what, Links links,
                                               const char* (*objection)(const struct stat&) noexcept) {
    if (!is_plain_file_name(name)) return "a " + std::string(what) + " must be a plain file name";
    const std::string shown = std::string(what) + " \"" + std::string(name) + "\" ";
    if (directory.empty()) return shown + "cannot be read: flowctl.secrets_dir is not set";

    const std::string path = directory + "/" + std::string(name);
    const int no_links = links == Links::Refused ? O_NOFOLLOW : 0;
    const Descriptor file(open(path.c_str(), O_RDONLY | no_links | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) {
        if (errno == ELOOP) return shown + "is a symbolic link";
        return shown + "cannot be opened: " + errno_text(errno);
    }
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return shown + "cannot be examined: " + errno_text(errno);
    if (const char* why = objection(status)) return shown + why;

    WipedBuffer buffer;
    std::size_t size = 0;
    while (size <= kMaxSecretBytes) {
        const ssize_t got = read(file.get(), buffer.bytes.get() + size, kMaxSecretBytes + 1 - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return shown + "cannot be read: " + errno_text(errno);
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kMaxSecretBytes) return shown + "is larger than 64 kB";
    std::string_view content(buffer.bytes.get(), size);
    if (content.ends_with("\r\n"))
        content.remove_suffix(2);
    else if (content.ends_with('\n'))
        content.remove_suffix(1);
    if (content.empty()) return shown + "is empty";
    return Secret(content);
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

// Calls `with` for each name until it says false.
template <class With>
void each_name(std::string_view list, With with) {
    while (!trimmed(list).empty()) {
        const std::size_t comma = list.find(',');
        if (!with(trimmed(list.substr(0, comma))) || comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace

Secret::Secret(std::string_view bytes) : data_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), data_.get());
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

Secret::~Secret() {
    if (data_) OPENSSL_cleanse(data_.get(), size_);
}

Secret Secret::clone() const {
    return Secret(reveal());
}

bool is_plain_file_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
    return std::none_of(name.begin(), name.end(),
                        [](unsigned char c) { return c == '/' || c < 0x20 || c == 0x7f; });
}

std::variant<Secret, std::string> read_secret_file(const std::string& directory, std::string_view name) {
    return read_checked(directory, name, "secret file", Links::Refused, objection_to);
}

std::variant<Secret, std::string> read_token_file(const std::string& directory, std::string_view name) {
    return read_checked(directory, name, "token file", Links::Followed, objection_to_token);
}

std::vector<std::string> file_names(std::string_view list) {
    std::vector<std::string> names;
    each_name(list, [&](std::string_view name) {
        names.emplace_back(name);
        return true;
    });
    return names;
}

const char* objection_to_file_names(std::string_view list) noexcept {
    const char* objection = nullptr;
    std::size_t count = 0;
    each_name(list, [&](std::string_view name) {
        if (!is_plain_file_name(name))
            objection = "It must be a list of plain file names, separated by commas.";
        else if (++count > kMaxFiles)
            objection = "It may name 16 files at most.";
        return objection == nullptr;
    });
    return objection;
}

}  // namespace flowctl::net
