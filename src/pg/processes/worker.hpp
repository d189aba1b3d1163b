// The entry of a worker process, by name, for the launcher.
#pragma once

#include "pg/server/prelude.hpp"

extern "C" __attribute__((visibility("default"))) void flowctl_worker_main(Datum slot);
