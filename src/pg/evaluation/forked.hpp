// Forked: work that a copy of this process does, and what comes of it.
//
// The copy sees all of this process's memory as it is at the beginning, so nothing has to be handed to it;
// what it has found comes back as text through a pipe. Values of the core belong to one thread, so a thread
// could not do it. The copy is no process of the server: it calls nothing of PostgreSQL, writes no shared
// memory, holds no descriptor but its pipe, and leaves without clearing up behind it. It has a time and an
// amount of memory of its own, which end it and not the worker, and it ends with the worker whatever happens.
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
        std::size_t memory = 0;     // more than this process has at the beginning
        std::size_t max_bytes = 0;  // of the text
    };
    enum class State {
        Working,
        Done,     // text() is what the work has given
        TooLong,  // it took more time than it had, and did not stop by itself
        Failed,   // problem() says why
    };
    // What the copy does. It is to stop when the flag is raised; soon after, the copy ends.
    using Work = std::function<std::string(const volatile std::sig_atomic_t& out_of_time)>;

    Forked() = default;
    ~Forked() { end(); }
    Forked(const Forked&) = delete;
    Forked& operator=(const Forked&) = delete;

    // Begins. False, with a problem(): there is no copy.
    bool start(const Work& work, const Limits& limits);
    // Takes what has come, without waiting for more.
    State look();
    // Gives it up. Nothing is known of it any more.
    void end() noexcept;
    // Copies that were given up may end some time later; this is to be called now and then. True: all have
    // ended.
    static bool reap_killed() noexcept;

    // To wait for: it is readable when look() has something to do. -1: there is none.
    int descriptor() const noexcept { return pipe_; }
    std::string take_text() { return std::move(text_); }
    const std::string& problem() const { return problem_; }
    // When it was over: the processor time that it has taken.
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
