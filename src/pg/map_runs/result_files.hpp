// ResultFileWriter: results that go to an endpoint.
//
// They go out as files of bounded size, one call after the other. How far that has come is stored with each
// answer, so that after a crash the last file at most is sent again, with the same Idempotency-Key.
#pragma once

#include <string_view>
#include <vector>

#include "pg/map_runs/exchange.hpp"

namespace flowctl::pg {

class ResultFileWriter {
  public:
    ResultFileWriter(Exchange& exchange, Phases& phases) : exchange_(exchange), phases_(phases) {}

    // A slice of writing: sends the next file, or notes that one has arrived. False: there is nothing to do
    // now.
    bool write(MapRun& run);

  private:
    bool take_answer(MapRun& run);
    static bool gather(MapRun& run, const std::vector<machine::Status>& statuses);
    bool send_next(MapRun& run);

    Exchange& exchange_;
    Phases& phases_;
};

// What the state's result says about where the results are, whoever wrote them.
json::Value writer_details(const MapRun& run);

}  // namespace flowctl::pg
