// Revocations: the network client revokes the tokens of a run that has ended; its receipts go into history.
//
// They are written with the rows of the next turn. When that transaction fails they are written by
// themselves, so that they fail no run; what cannot be written even so is given up, and the log says why.
#pragma once

#include <cstddef>
#include <vector>

#include "net/client.hpp"
#include "pg/store/history.hpp"
#include "pg/turn/host.hpp"
#include "pg/turn/part.hpp"

namespace flowctl::pg {

class Revocations final : public Part {
  public:
    Revocations(net::Client& client, Host& host) : client_(client), host_(host) {}

    void collect() override;
    void begin() override { written_ = 0; }
    void write(Spi& spi, const Changes& changes) override;
    void committed(const Changes& changes) override;
    bool work() override;

  private:
    net::Client& client_;
    Host& host_;
    std::vector<store::RevocationRow> rows_;
    std::size_t written_ = 0;  // of the rows, in this transaction
};

}  // namespace flowctl::pg
