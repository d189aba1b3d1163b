// SignalBlock: all signals are blocked for as long as it lives.
//
// Curl resolves names in threads. A thread inherits the mask of the one that starts it, and the server's
// signal handlers must run in the server's own thread. So every call into a curl_multi handle stands inside of
// such a block. Writing to a connection that the peer has closed raises SIGPIPE, and OpenSSL cannot be told not
// to raise it; a SIGPIPE that came up inside of the block is taken away at its end, so that it ends nothing.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace flowctl::net {

class SignalBlock {
  public:
    SignalBlock() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalBlock() {
        sigset_t pending;
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE) == 1 && sigismember(&before_, SIGPIPE) == 0) {
            sigset_t pipe;
            sigemptyset(&pipe);
            sigaddset(&pipe, SIGPIPE);
            const timespec none{};
            sigtimedwait(&pipe, nullptr, &none);
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    SignalBlock(const SignalBlock&) = delete;
    SignalBlock& operator=(const SignalBlock&) = delete;

  private:
    sigset_t before_;
};

}  // namespace flowctl::net
