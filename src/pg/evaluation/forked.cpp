// Forked: the copy of the process, as the worker and as the copy itself see it. See forked.hpp.
#include "pg/evaluation/forked.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

namespace {

// The copy's exit status says how its work ended.
constexpr int kDone = 0;
constexpr int kLeft = 1;  // nobody reads the outcome any more
constexpr int kTooLong = 2;
constexpr int kFailed = 3;  // the pipe holds the reason

constexpr int kNiceness = 5;   // The copy gives way to the worker and to the server's sessions.
constexpr int kGraceMs = 500;  // After its time is over, the copy has so long to stop by itself.
constexpr std::size_t kAtOnce = 1024 * 1024;  // bytes that one look() reads
constexpr int kPipeBytes = 1024 * 1024;

// ---------------------------------------------------------------------------------------------- the copy

volatile std::sig_atomic_t out_of_time = 0;

// The timer rings twice: at first it asks the work to stop, and then it ends a copy that has not stopped.
void on_timer(int) {
    if (out_of_time != 0) _exit(kTooLong);
    out_of_time = 1;
}

void set_timer(int first_ms) {
    const auto span = [](int ms) { return timeval{ms / 1000, (ms % 1000) * 1000}; };
    const itimerval timer{span(kGraceMs), span(first_ms)};
    setitimer(ITIMER_PROF, &timer, nullptr);
}

void limit(__rlimit_resource_t resource, rlim_t most) {
    rlimit now{};
    if (getrlimit(resource, &now) != 0) return;
    now.rlim_cur = now.rlim_max == RLIM_INFINITY ? most : std::min(most, now.rlim_max);
    setrlimit(resource, &now);
}

// The address space of this process in bytes, or 0 when the system does not tell.
std::size_t address_space() {
    char text[64] = {};
    const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    const ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    return count <= 0 ? 0
                      : std::strtoull(text, nullptr, 10) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// The server sends signals to the worker and not to the copy, so the copy must not run the worker's handlers.
void reset_signals() {
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &by_default, nullptr);
    struct sigaction timer {};
    timer.sa_handler = on_timer;
    sigaction(SIGPROF, &timer, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

// A connection that the worker closes would stay open as long as the copy held it, so the copy closes every
// descriptor but the standard streams and its pipe.
void close_descriptors(int but) {
    const auto close_from = [](unsigned first, unsigned last) {
        if (first <= last && syscall(SYS_close_range, first, last, 0) != 0)
            for (unsigned fd = first; fd <= std::min(last, 65'535U); fd++)
                close(static_cast<int>(fd));
    };
    close_from(3, static_cast<unsigned>(but) - 1);
    close_from(static_cast<unsigned>(but) + 1, ~0U);
}

bool write_all(int to, const char* bytes, std::size_t count) {
    while (count > 0) {
        const ssize_t written = write(to, bytes, count);
        if (written < 0 && errno != EINTR) return false;
        if (written <= 0) continue;
        bytes += written;
        count -= static_cast<std::size_t>(written);
    }
    return true;
}

[[noreturn]] void be_the_copy(const Forked::Work& work, const Forked::Limits& limits, int to, pid_t worker) {
    // The copy leaves the worker's process group, because a signal to the group, such as the cancel of a
    // statement, is not meant for the copy.
    setpgid(0, 0);
    reset_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != worker) _exit(kLeft);
    close_descriptors(to);
    limit(RLIMIT_CORE, 0);
    if (const std::size_t now = address_space(); now > 0 && limits.memory > 0)
        limit(RLIMIT_AS, now + limits.memory);
    [[maybe_unused]] const int niceness = nice(kNiceness);
    set_timer(limits.processor_ms);
    int end = kDone;
    try {
        const std::string text = work(out_of_time);
        if (!write_all(to, text.data(), text.size())) end = kLeft;
    } catch (const std::exception& error) {
        end = kFailed;
        (void)write_all(to, error.what(), std::strlen(error.what()));
    } catch (...) {
        end = kFailed;
    }
    _exit(end);
}

std::string reason_of(const char* what) {
    return std::string(what) + ": " + strerror(errno);
}

// Waits for a process that is about to end.
int reap(pid_t pid, rusage& usage) {
    int status = 0;
    while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    return status;
}

// The copies of this process. The system may need some time to free the memory of a copy that was killed, so
// the worker waits only briefly for it. But every copy must be gone before the worker leaves: where the
// postmaster is the first process of a container, it would inherit the copy and take its end by a signal for
// the crash of a session.
std::vector<pid_t> working, killed;

void end_all(int, Datum) {
    for (const pid_t pid : working)
        kill(pid, SIGKILL);
    killed.insert(killed.end(), working.begin(), working.end());
    rusage usage{};
    for (const pid_t pid : killed)
        reap(pid, usage);
    working.clear();
    killed.clear();
}

void end_all_at_exit() {
    static bool registered = false;
    if (!registered) guarded([] { before_shmem_exit(end_all, 0); });
    registered = true;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- the worker

bool Forked::reap_killed() noexcept {
    std::erase_if(killed, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
    return killed.empty();
}

bool Forked::start(const Work& work, const Limits& limits) {
    end();
    reap_killed();
    end_all_at_exit();
    working.reserve(working.size() + 1);
    text_.clear();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        problem_ = reason_of("there is no pipe");
        return false;
    }
    (void)fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);  // otherwise the pipe is smaller
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t worker = getpid();
    const pid_t pid = fork();
    if (pid == 0) be_the_copy(work, limits, ends[1], worker);
    if (pid < 0) problem_ = reason_of("no process could be made");
    sigprocmask(SIG_SETMASK, &before, nullptr);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    working.push_back(pid);
    pid_ = pid;
    pipe_ = ends[0];
    max_bytes_ = limits.max_bytes;
    state_ = State::Working;
    return true;
}

Forked::State Forked::look() {
    if (state_ != State::Working) return state_;
    const std::size_t before = text_.size();
    std::vector<char> bytes(64 * 1024);
    while (text_.size() - before < kAtOnce) {
        const ssize_t count = read(pipe_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return state_;
        if (count <= 0) return finish();
        text_.append(bytes.data(), static_cast<std::size_t>(count));
        if (text_.size() > max_bytes_) {
            end();
            problem_ = "its outcome is larger than " + std::to_string(max_bytes_) + " bytes";
            return state_;
        }
    }
    return state_;
}

// The copy has closed its end of the pipe, so its outcome is complete.
Forked::State Forked::finish() {
    rusage usage{};
    // A copy may have closed the pipe and still run. If it has exited already, its status stays.
    kill(pid_, SIGKILL);
    const int status = reap(pid_, usage);
    std::erase(working, pid_);
    pid_ = 0;
    end();
    const auto micros = [](const timeval& time) {
        return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
    };
    processor_micros_ = micros(usage.ru_utime) + micros(usage.ru_stime);
    if (WIFSIGNALED(status)) {
        problem_ = "its process was ended by signal " + std::to_string(WTERMSIG(status));
    } else if (WEXITSTATUS(status) == kDone) {
        state_ = State::Done;
    } else if (WEXITSTATUS(status) == kTooLong) {
        state_ = State::TooLong;
    } else {
        problem_ =
            text_.empty() ? "its process has left with status " + std::to_string(WEXITSTATUS(status)) : text_;
    }
    return state_;
}

void Forked::end() noexcept {
    if (pid_ != 0) {
        kill(pid_, SIGKILL);
        std::erase(working, pid_);
        killed.push_back(pid_);
        for (int tries = 0; tries < 5 && !reap_killed(); tries++)
            usleep(200);
    }
    if (pipe_ >= 0) close(pipe_);
    pid_ = 0;
    pipe_ = -1;
    state_ = State::Failed;
}

}  // namespace flowctl::pg
