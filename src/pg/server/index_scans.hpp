// IndexScans: while it lives, statements of this process are planned with indexes.
//
// A plan is kept for the life of a process. One that was made while its table had a single page reads the whole
// table, and goes on to do so when there are a million rows, until somebody analyzes the table. Statements
// that look for a few rows by an index of a table that fills and empties quickly are run under this.
#pragma once

#include "pg/server/bridge.hpp"

namespace flowctl::pg {

class IndexScans {
  public:
    IndexScans() {
        level_ = guarded([] {
            const int level = NewGUCNestLevel();
            (void)set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                                    false);
            return level;
        });
    }
    ~IndexScans() { AtEOXact_GUC(false, level_); }
    IndexScans(const IndexScans&) = delete;
    IndexScans& operator=(const IndexScans&) = delete;

  private:
    int level_ = 0;
};

}  // namespace flowctl::pg
