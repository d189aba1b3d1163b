// ItemDocuments: items that come from an endpoint.
//
// The answer goes into the row of the map run before anything is made of it, so that it is never asked for
// again; then it is taken apart, a slice at a time.
#pragma once

#include "pg/map_runs/exchange.hpp"

namespace flowctl::pg {

class ItemDocuments {
  public:
    ItemDocuments(Exchange& exchange, Phases& phases) : exchange_(exchange), phases_(phases) {}

    // A slice of reading; false: there is nothing to do now.
    bool read(MapRun& run);

  private:
    bool take_answer(MapRun& run);
    bool parse(MapRun& run);
    bool begin_parsing(MapRun& run);

    Exchange& exchange_;
    Phases& phases_;
};

}  // namespace flowctl::pg
