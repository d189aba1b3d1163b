// Forked: work that a copy of this process does, and the text that it gives.
//
// The copy sees all memory of this process as it was when the copy was made, so nothing has to be handed to
// it. Its outcome comes back as text through a pipe. A thread could not do the work, because values of the
// core belong to one thread. The copy is not a process of the server: it calls no function of PostgreSQL,
// writes no shared memory, holds no descriptor but its pipe, and leaves without cleaning up. It has limits of
// time and memory of its own; when it exceeds them, the copy ends and the worker goes on. If the worker ends,
// for whatever reason, the copy ends, too.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace flowctl::pg {

class Forked {
  public:
    struct Limits {
        int processor_ms = 1'000;
        std::size_t memory = 0;     // in addition to what this process has when the copy is made
        std::size_t max_bytes = 0;  // of the text
    };
    enum class State {
        Working,
        Done,     // text() is what the work has given
        TooLong,  // the work took more time than it had, and did not stop by itself
        Failed,   // problem() says why
    };
    // The work of the copy. It has to stop soon when the flag is raised, or else the copy is ended.
    using Work = std::function<std::string(const volatile std::sig_atomic_t& out_of_time)>;

    Forked() = default;
    ~Forked() { end(); }
    Forked(const Forked&) = delete;
    Forked& operator=(const Forked&) = delete;

    // Makes the copy. On false there is none, and problem() says why.
    bool start(const Work& work, const Limits& limits);
    // Reads what the copy has written so far, without waiting for more.
    State look();
    // Gives the copy up; its outcome is lost.
    void end() noexcept;
    // A copy that was given up may take some time to end, so the worker calls this now and then. True when
    // all such copies have ended.
    static bool reap_killed() noexcept;

    // The descriptor becomes readable when look() has something to do. It is -1 when there is no copy.
    int descriptor() const noexcept { return pipe_; }
    std::string take_text() { return std::move(text_); }
    const std::string& problem() const { return problem_; }
    // The processor time that the copy took, once it has ended.
    std::int64_t processor_micros() const noexcept { return processor_micros_; }

  private:
    State finish();

    int pid_ = 0;
    int pipe_ = -1;
    std::size_t max_bytes_ = 0;
    State state_ = State::Failed;
    std::string text_, problem_;
    std::int64_t processor_micros_ = 0;
};

}  // namespace flowctl::pg
