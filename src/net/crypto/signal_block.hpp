// SignalBlock: all signals are blocked for as long as it lives.
//
// Curl resolves names in threads. A thread inherits the mask of the one that starts it, and the server's
// signal handlers must run in the server's own thread. Writing to a connection that the peer has closed
// raises SIGPIPE (OpenSSL cannot be told not to); one that came up meanwhile is taken away, so that it ends
// nothing.
//
// Used by dispatcher around every call into curl_multi.
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
