// From a commit that starts a run to the arrival of its request at the endpoint, at a fixed rate.
//
//   start_latency CONNINFO CONTROL_PORT RATE COUNT CONNECTIONS STATEMENT
//
// STATEMENT has one parameter, a JSON object {"id":N,"pad":"..."} of 300 bytes, and each execution is a
// transaction. The schedule does not wait for the system: what is due is sent on the next free connection.
// The endpoint notes when the request of each id has come; both are processes of one machine with one clock.
// Prints "COMMIT_P50 COMMIT_P99 COMMIT_MAX SENT_P50 SENT_P99 MISSING LATE_P99", times in milliseconds: from
// the moment the client had the commit's answer; from the moment it sent the statement; how many requests
// never came; how late the statement was sent against the schedule.
#include <cerrno>
#include <cstring>
#include <sstream>

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.hpp"

namespace {

constexpr std::int64_t kPatience = 30'000'000;  // for the last requests to come

struct Client {
    PGconn* connection = nullptr;
    std::size_t id = 0;  // of the statement under way; 0: free
};

std::string ask(int port, const std::string& word) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string line = word + "\n";
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        bench::fail("start_latency: the endpoint's control port does not answer");
    std::string answer;
    char buffer[65536];
    for (ssize_t got = 0; (got = read(fd, buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(got));
    close(fd);
    return answer;
}

PGconn* prepare(const char* conninfo, const char* statement) {
    PGconn* connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) bench::fail(PQerrorMessage(connection));
    PGresult* result = PQprepare(connection, "start", statement, 1, nullptr);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) bench::fail(PQerrorMessage(connection));
    PQclear(result);
    return connection;
}

std::string input(std::size_t id) {
    std::string text = "{\"id\":" + std::to_string(id) + ",\"pad\":\"";
    text.append(298 - text.size(), 'x');
    return text + "\"}";
}

// True when the statement has ended.
bool take_answer(Client& client) {
    if (PQconsumeInput(client.connection) != 1) bench::fail(PQerrorMessage(client.connection));
    while (PQisBusy(client.connection) == 0) {
        PGresult* result = PQgetResult(client.connection);
        if (result == nullptr) return true;
        if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
            bench::fail(PQresultErrorMessage(result));
        PQclear(result);
    }
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 7) bench::fail("usage: start_latency CONNINFO CONTROL_PORT RATE COUNT CONNECTIONS STATEMENT");
    const int control = std::atoi(argv[2]);
    const double interval = 1e6 / std::atof(argv[3]);
    const auto count = static_cast<std::size_t>(std::atol(argv[4]));
    std::vector<Client> clients(static_cast<std::size_t>(std::atoi(argv[5])));
    std::vector<pollfd> sockets;
    for (Client& client : clients) {
        client.connection = prepare(argv[1], argv[6]);
        sockets.push_back({PQsocket(client.connection), POLLIN, 0});
    }
    ask(control, "reset");

    std::vector<std::int64_t> sent(count + 1), committed(count + 1);
    std::vector<double> late;
    const std::int64_t base = bench::now_us() + 100'000;
    const auto due = [&](std::size_t id) {
        return base + static_cast<std::int64_t>(static_cast<double>(id - 1) * interval);
    };
    for (std::size_t next = 1, ended = 0; ended < count;) {
        bool all_busy = true;
        for (Client& client : clients) {
            if (client.id != 0) continue;
            if (next > count || bench::now_us() < due(next)) {
                all_busy = false;
                break;
            }
            client.id = next++;
            const std::string text = input(client.id);
            const char* value = text.c_str();
            sent[client.id] = bench::now_us();
            late.push_back(static_cast<double>(sent[client.id] - due(client.id)) / 1e3);
            if (PQsendQueryPrepared(client.connection, "start", 1, &value, nullptr, nullptr, 0) != 1 ||
                PQflush(client.connection) != 0)
                bench::fail(PQerrorMessage(client.connection));
        }
        std::int64_t pause = 1'000'000;
        if (!all_busy && next <= count) pause = std::max<std::int64_t>(0, due(next) - bench::now_us());
        const timespec timeout{pause / 1'000'000, pause % 1'000'000 * 1000};
        if (ppoll(sockets.data(), sockets.size(), &timeout, nullptr) < 0 && errno != EINTR)
            bench::fail("start_latency: ppoll failed");
        const std::int64_t now = bench::now_us();
        for (std::size_t i = 0; i < clients.size(); i++) {
            if ((sockets[i].revents & (POLLIN | POLLHUP)) == 0 || clients[i].id == 0) continue;
            if (!take_answer(clients[i])) continue;
            committed[clients[i].id] = now;
            clients[i].id = 0;
            ended++;
        }
    }

    std::vector<double> from_commit, from_sent;
    for (const std::int64_t until = bench::now_us() + kPatience;;) {
        from_commit.clear();
        from_sent.clear();
        std::istringstream lines(ask(control, "arrivals"));
        std::size_t id = 0;
        for (std::int64_t at = 0; lines >> id >> at;) {
            if (id == 0 || id > count) continue;
            from_commit.push_back(static_cast<double>(at - committed[id]) / 1e3);
            from_sent.push_back(static_cast<double>(at - sent[id]) / 1e3);
        }
        if (from_commit.size() >= count || bench::now_us() > until) break;
        usleep(50'000);
    }
    std::printf("%.3f %.3f %.3f %.3f %.3f %zu %.3f\n", bench::percentile(from_commit, 50),
                bench::percentile(from_commit, 99), bench::percentile(from_commit, 100),
                bench::percentile(from_sent, 50), bench::percentile(from_sent, 99),
                count - from_commit.size(), bench::percentile(late, 99));
    return 0;
}
