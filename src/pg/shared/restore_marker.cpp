// Writes and reads the marker of a restored server. See restore_marker.hpp.
#include "pg/shared/restore_marker.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "pg/server/bridge.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace flowctl::pg::restore_marker {

namespace {

// The path is relative, because the server's working directory is its data directory.
constexpr const char* kFile = "pg_flowctl.restored";
constexpr const char* kUnfinished = "pg_flowctl.restored.tmp";
constexpr std::size_t kIdLength = 32;
constexpr const char* kExplanation =
    "\nThis server was restored from a backup. Its flows wait in each database until flowctl.activate() is "
    "called there.\n";

bool exists(const char* file) {
    struct stat status;
    if (stat(file, &status) == 0) return true;
    if (errno != ENOENT)
        ereport(FATAL, (errcode_for_file_access(), errmsg("could not stat file \"%s\": %m", file)));
    return false;
}

bool is_being_restored() {
    return !exists(STANDBY_SIGNAL_FILE) && (exists(BACKUP_LABEL_FILE) || exists(RECOVERY_SIGNAL_FILE));
}

void make_id(char* id) {
    std::uint8_t bytes[kIdLength / 2];
    if (!pg_strong_random(bytes, sizeof bytes))
        ereport(FATAL, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    for (std::size_t i = 0; i < sizeof bytes; i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

void put(int descriptor, const char* text, std::size_t length) {
    errno = 0;
    if (write(descriptor, text, length) == static_cast<ssize_t>(length)) return;
    if (errno == 0) errno = ENOSPC;
    ereport(FATAL, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", kUnfinished)));
}

void leave(const char* id) {
    const int descriptor = OpenTransientFile(kUnfinished, O_CREAT | O_TRUNC | O_WRONLY | PG_BINARY);
    if (descriptor < 0)
        ereport(FATAL, (errcode_for_file_access(), errmsg("could not create file \"%s\": %m", kUnfinished)));
    put(descriptor, id, kIdLength);
    put(descriptor, kExplanation, strlen(kExplanation));
    if (CloseTransientFile(descriptor) != 0)
        ereport(FATAL, (errcode_for_file_access(), errmsg("could not close file \"%s\": %m", kUnfinished)));
    // Flushes the file and its directory to disk.
    (void)durable_rename(kUnfinished, kFile, FATAL);
}

}  // namespace

void leave_if_restored() {
    if (IsUnderPostmaster) return;
    guarded([] {
        if (!is_being_restored()) return;
        char id[kIdLength + 1];
        make_id(id);
        leave(id);
        ereport(LOG,
                (errmsg("pg_flowctl: this server is being restored from a backup"),
                 errdetail("The flows of each database wait until flowctl.activate() is called there.")));
    });
}

std::string current() {
    char id[kIdLength + 1] = "";
    guarded([&] {
        FILE* file = AllocateFile(kFile, PG_BINARY_R);
        if (file == nullptr && errno == ENOENT) return;
        if (file == nullptr)
            ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", kFile)));
        const std::size_t length = fread(id, 1, kIdLength, file);
        FreeFile(file);
        id[length] = '\0';
        if (length != kIdLength)
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("file \"%s\" is too short", kFile),
                            errhint("Remove the file if this server takes the place of the one that it was "
                                    "restored from; then its flows go on in all databases.")));
    });
    return id;
}

}  // namespace flowctl::pg::restore_marker
