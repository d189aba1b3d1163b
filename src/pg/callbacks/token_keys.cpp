// Keys from files. See token_keys.hpp.
//
// The file in the data directory is written under another name, flushed, and then linked to its own: whoever
// comes second finds a whole file, and a crash leaves either a whole one or none.
#include "pg/callbacks/token_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/wipe.hpp"
#include "net/crypto/encoding.hpp"
#include "pg/endpoints/files.hpp"
#include "pg/server/guc.hpp"
#include "pg/server/timestamps.hpp"

extern "C" {
#include "common/file_perm.h"
#include "storage/fd.h"
}

namespace flowctl::pg {

namespace {

constexpr std::size_t kKeyBytes = 32;
// How long a worker uses its keys before it looks at the files again. A session looks at every token.
constexpr std::int64_t kWorkerLooksEvery = 1'000'000;

[[noreturn]] void unusable(const std::string& message) {
    throw UserError(ERRCODE_CONFIG_FILE_ERROR, "the keys of task tokens cannot be used: " + message,
                    "See flowctl.token_keys in the reference.");
}

// What tells whether files are the ones that were read.
std::string state_of(const std::string& directory, const std::vector<std::string>& names) {
    std::string state = directory;
    for (const std::string& name : names) {
        struct stat file {};
        state += '\n' + name;
        if (stat((directory + "/" + name).c_str(), &file) != 0) continue;
        for (const auto number :
             {static_cast<std::int64_t>(file.st_ino), static_cast<std::int64_t>(file.st_size),
              static_cast<std::int64_t>(file.st_mtim.tv_sec), static_cast<std::int64_t>(file.st_mtim.tv_nsec),
              static_cast<std::int64_t>(file.st_mode)})
            state += ' ' + std::to_string(number);
    }
    return state;
}

// A descriptor of the server's, so that it counts among the files that the process may open.
class OpenFile {
  public:
    OpenFile(const std::string& path, int flags) {
        const char* const name = path.c_str();
        fd_ = guarded([&] { return OpenTransientFile(name, flags | PG_BINARY); });
    }
    ~OpenFile() {
        if (fd_ >= 0) CloseTransientFile(fd_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    int get() const { return fd_; }

  private:
    int fd_ = -1;
};

[[noreturn]] void cannot(const char* what, const std::string& path) {
    unusable(std::string("cannot ") + what + " file \"" + path + "\": " + strerror(errno));
}

void write_new_key(const std::string& path) {
    std::string bytes(kKeyBytes, '\0');
    if (!pg_strong_random(bytes.data(), bytes.size())) unusable("there are no random numbers");
    std::string text = net::hex_encode(bytes) + '\n';
    wipe(bytes);
    (void)unlink(path.c_str());  // of a process with the same number, which did not come to its end
    const OpenFile file(path, O_CREAT | O_EXCL | O_WRONLY);
    const bool written = file.get() >= 0 && write(file.get(), text.data(), text.size()) ==
                                                static_cast<ssize_t>(text.size());
    wipe(text);
    if (!written || pg_fsync(file.get()) != 0) cannot("write", path);
}

void make_default_key() {
    const std::string directory = DataDir;
    const std::string path = directory + "/" + kTokenKeyFile;
    const std::string draft = path + "." + std::to_string(MyProcPid);
    write_new_key(draft);
    const bool made = link(draft.c_str(), path.c_str()) == 0;
    const int why = errno;
    (void)unlink(draft.c_str());
    errno = why;
    if (!made && why != EEXIST) cannot("make", path);
    guarded([&] { fsync_fname(directory.c_str(), true); });
}

// The file has the mode of the server's other files, 0600, or 0640 where the group may read the data directory.
// Tools that copy a data directory may have given it another one.
void mend_mode(const std::string& path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0 || (file.st_mode & 07777 & ~static_cast<mode_t>(pg_file_create_mode)) == 0)
        return;
    (void)chmod(path.c_str(), static_cast<mode_t>(pg_file_create_mode));
}

struct Source {
    std::string directory;
    std::vector<std::string> names;
    bool is_default = false;

    bool operator==(const Source&) const = default;
};

Source source_of_keys() {
    std::vector<std::string> names = net::file_names(guc::token_keys == nullptr ? "" : guc::token_keys);
    if (!names.empty()) return {secrets_dir(), std::move(names), false};
    return {DataDir, {kTokenKeyFile}, true};
}

std::shared_ptr<const TokenKeys> read_keys(const Source& source, net::KeptBy kept_by) {
    auto keys = std::make_shared<TokenKeys>();
    for (const std::string& name : source.names) {
        auto content = source.is_default ? net::read_token_file(source.directory, name)
                                         : net::read_secret_file(source.directory, name);
        if (const auto* wrong = std::get_if<std::string>(&content)) unusable(*wrong);
        auto& secret = std::get<net::Secret>(content);
        if (secret.reveal().size() < kKeyBytes)
            unusable("secret file \"" + name + "\" has fewer than 32 bytes");
        keys->keys.emplace_back(std::move(secret), kept_by);
    }
    return keys;
}

}  // namespace

bool TokenKeys::have_made(const net::SealedToken& token) const {
    bool made = false;
    for (const net::TokenKey& key : keys)
        made = net::is_made_by(token, key) || made;
    return made;
}

std::shared_ptr<const TokenKeys> token_keys(net::KeptBy kept_by, bool make) {
    static std::shared_ptr<const TokenKeys> kept;
    static std::string kept_state;
    static std::int64_t looked_at = 0;
    static Source source;
    const std::int64_t now = kept_by == net::KeptBy::Worker ? unix_micros_now() : 0;
    const bool is_fresh = kept_by == net::KeptBy::Worker && now >= looked_at && now < looked_at + kWorkerLooksEvery;
    if (Source next = source_of_keys(); next == source && is_fresh && kept)
        return kept;
    else
        source = std::move(next);
    if (source.is_default && access((source.directory + "/" + kTokenKeyFile).c_str(), F_OK) != 0) {
        if (!make) return std::make_shared<TokenKeys>();
        make_default_key();
    }
    if (source.is_default) mend_mode(source.directory + "/" + kTokenKeyFile);
    std::string state = state_of(source.directory, source.names);
    if (!kept || state != kept_state) {
        kept = read_keys(source, kept_by);
        kept_state = std::move(state);
    }
    looked_at = now;
    return kept;
}

std::string TaskTokensOfRun::token(const std::string& place) const {
    try {
        return net::seal_token(token_keys(net::KeptBy::Worker, true)->keys.front(), run_,
                               place_from_text(place));
    } catch (const UserError& error) {
        throw std::runtime_error(error.message);
    }
}

Uuid place_from_text(const std::string& place) {
    Uuid id{};
    const auto digit = [&](std::size_t at) {
        const char c = at < place.size() ? place[at] : '0';
        return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10) & 0xf;
    };
    for (std::size_t i = 0; i < id.size(); i++)
        id[i] = static_cast<std::uint8_t>(digit(2 * i) << 4 | digit(2 * i + 1));
    return id;
}

}  // namespace flowctl::pg
