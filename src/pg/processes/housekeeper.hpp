// The housekeeper: a short-lived process that makes leaves ahead of time and takes away runs that have been
// kept for long enough.
//
// DDL and TRUNCATE take locks that may have to be waited for, and milliseconds of catalog work; neither may
// hold up the worker's loop. So the first worker of a database starts this process when it begins, when
// settings are loaded again, and every ten minutes. Each step is a transaction of its own, so a process that
// dies in the middle has lost one step. A table that could not be locked is tried again a few times, then by
// the next process. Where the server has no room for the process, runs go on: a run without a leaf of its own
// goes to the default leaf. Two housekeepers of one database cannot work at once (advisory lock).
//
// The class Housekeeper is the worker's end of it.
#pragma once

#include <cstdint>

#include "pg/server/process.hpp"

namespace flowctl::pg {

class Housekeeper {
  public:
    // Starts it when it is time to.
    void look(std::int64_t now);
    void soon() { next_at_ = 0; }

  private:
    Process process_;
    std::int64_t next_at_ = 0;
    bool reported_ = false;
};

}  // namespace flowctl::pg

extern "C" __attribute__((visibility("default"))) void flowctl_housekeeper_main(Datum);
