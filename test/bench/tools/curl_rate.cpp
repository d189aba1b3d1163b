// What libcurl can do on this machine: one thread, curl_multi on epoll, keep-alive, as the worker uses it.
//
//   curl_rate URL REQUESTS CONNECTIONS [CA_FILE]
//
// POSTs 300 bytes of JSON again and again on so many connections. Prints "REQUESTS_PER_SECOND CPU_US_EACH
// BAD".
#include <cstring>

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common.hpp"

namespace {

int epoll_fd = -1;
long curl_timeout = -1;

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) {
    return size * count;
}

int on_timer(CURLM*, long timeout, void*) {
    curl_timeout = timeout;
    return 0;
}

int on_socket(CURL*, curl_socket_t fd, int what, void*, void*) {
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
        return 0;
    }
    epoll_event event{};
    event.data.fd = fd;
    if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

CURL* new_handle(const char* url, const std::string& body, curl_slist* headers, const char* ca_file) {
    CURL* handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, 600'000L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    if (ca_file != nullptr) curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file);
    return handle;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) bench::fail("usage: curl_rate URL REQUESTS CONNECTIONS [CA_FILE]");
    const char* url = argv[1];
    const long requests = std::atol(argv[2]);
    const long connections = std::min(std::atol(argv[3]), requests);
    const char* ca_file = argc > 4 ? argv[4] : nullptr;
    bench::raise_descriptor_limit();
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM* multi = curl_multi_init();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
    const std::string body = R"({"pad":")" + std::string(290, 'x') + R"("})";
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");

    long issued = 0, done = 0, bad = 0;
    const std::int64_t begun = bench::clock_us(CLOCK_MONOTONIC);
    const double cpu_begun = bench::cpu_us();
    for (; issued < connections; issued++)
        curl_multi_add_handle(multi, new_handle(url, body, headers, ca_file));
    int running = 0;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while (done < requests) {
        epoll_event events[256];
        const int wait = curl_timeout < 0 ? 1000 : static_cast<int>(std::min(curl_timeout, 1000L));
        const int count = epoll_wait(epoll_fd, events, 256, wait);
        if (count == 0) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        for (int i = 0; i < count; i++) {
            int what = (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? CURL_CSELECT_IN : 0;
            if ((events[i].events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
            curl_multi_socket_action(multi, events[i].data.fd, what, &running);
        }
        int left = 0;
        while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            CURL* handle = message->easy_handle;
            long status = 0;
            curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status != 200) bad++;
            done++;
            curl_multi_remove_handle(multi, handle);
            if (issued < requests) {
                issued++;
                curl_multi_add_handle(multi, handle);
            } else {
                curl_easy_cleanup(handle);
            }
        }
    }
    const double seconds = static_cast<double>(bench::clock_us(CLOCK_MONOTONIC) - begun) / 1e6;
    std::printf("%.0f %.2f %ld\n", static_cast<double>(requests) / seconds,
                (bench::cpu_us() - cpu_begun) / static_cast<double>(requests), bad);
    return 0;
}
