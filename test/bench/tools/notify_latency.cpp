// NOTIFY's latency, one way: from before one session sends it to when another has it.
//
//   notify_latency CONNINFO COUNT
//
// Prints "P50 P99" in microseconds.
#include <libpq-fe.h>
#include <poll.h>

#include "common.hpp"

namespace {

PGconn* connect(const char* conninfo) {
    PGconn* connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) bench::fail(PQerrorMessage(connection));
    return connection;
}

void wait_for_notify(PGconn* connection) {
    for (;;) {
        if (PGnotify* notify = PQnotifies(connection)) {
            PQfreemem(notify);
            return;
        }
        pollfd socket{PQsocket(connection), POLLIN, 0};
        if (poll(&socket, 1, 5000) <= 0) bench::fail("notify_latency: nothing came within 5 s");
        if (PQconsumeInput(connection) != 1) bench::fail(PQerrorMessage(connection));
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) bench::fail("usage: notify_latency CONNINFO COUNT");
    PGconn* sender = connect(argv[1]);
    PGconn* listener = connect(argv[1]);
    PQclear(PQexec(listener, "LISTEN bench"));
    std::vector<double> times;
    for (int i = std::atoi(argv[2]); i > 0; i--) {
        const std::int64_t begun = bench::clock_us(CLOCK_MONOTONIC);
        if (PQsendQuery(sender, "NOTIFY bench") != 1) bench::fail(PQerrorMessage(sender));
        wait_for_notify(listener);
        times.push_back(static_cast<double>(bench::clock_us(CLOCK_MONOTONIC) - begun));
        while (PGresult* result = PQgetResult(sender))
            PQclear(result);
    }
    std::printf("%.0f %.0f\n", bench::percentile(times, 50), bench::percentile(times, 99));
    return 0;
}
