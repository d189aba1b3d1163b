// The housekeeper: a process of its own, for a moment, that makes leaves ahead of time and takes away what
// has been kept for long enough.
//
// DDL and TRUNCATE take locks that may have to be waited for, and milliseconds of catalog work; neither may
// hold up the worker's loop. So the first worker of a database starts this process when it begins, when
// settings are loaded again, and every ten minutes. Each step is a transaction of its own, so a process that
// dies in the middle has lost one step; what could not be locked is tried again within the process a few
// times, then by the next one. Where no slot for a process is free, runs go on: those without a leaf of their
// own go to the default leaf. Two of one database cannot work at once (advisory lock).
//
// Housekeeper is the worker's end; runs, started by the server, in housekeeper.cpp.
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
