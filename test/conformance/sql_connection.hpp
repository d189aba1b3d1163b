// A connection to the server under test: parameters and results as text.
#pragma once

#include <libpq-fe.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace conformance {

using Text = std::optional<std::string>;

struct Answer {
    std::vector<std::vector<Text>> rows;
    std::string sqlstate;  // empty: no error
    std::string message;

    bool ok() const noexcept { return sqlstate.empty(); }
};

class Connection {
  public:
    // Where the environment says (PGHOST and so on).
    Connection() : connection_(PQconnectdb("options='-c client_min_messages=error'")) {
        if (PQstatus(connection_) != CONNECTION_OK) fail();
    }
    ~Connection() { PQfinish(connection_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Answer ask(const std::string& sql, const std::vector<Text>& parameters = {}) {
        std::vector<const char*> values;
        for (const Text& parameter : parameters)
            values.push_back(parameter ? parameter->c_str() : nullptr);
        PGresult* result = PQexecParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                                        values.data(), nullptr, nullptr, 0);
        Answer answer;
        const ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
            const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
            const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
            if (state == nullptr) fail();
            answer.sqlstate = state;
            answer.message = message != nullptr ? message : "";
            if (detail != nullptr) answer.message.append("; ").append(detail);
        }
        for (int row = 0; row < PQntuples(result); ++row) {
            std::vector<Text>& cells = answer.rows.emplace_back();
            for (int column = 0; column < PQnfields(result); ++column) {
                cells.push_back(
                    PQgetisnull(result, row, column) != 0 ? Text() : Text(PQgetvalue(result, row, column)));
            }
        }
        PQclear(result);
        return answer;
    }

    // What must not fail.
    Answer need(const std::string& sql, const std::vector<Text>& parameters = {}) {
        Answer answer = ask(sql, parameters);
        if (!answer.ok()) {
            std::printf("FAILED  %s: %s\n", sql.c_str(), answer.message.c_str());
            std::exit(2);
        }
        return answer;
    }

  private:
    [[noreturn]] void fail() {
        std::printf("FAILED  %s\n", PQerrorMessage(connection_));
        std::exit(2);
    }
    PGconn* connection_;
};

}  // namespace conformance
