// The same for the files of pg: the standard headers, then the server's (pg/server/prelude.hpp says why in this order).
#pragma once

#include "precompiled/pure.hpp"

#include "pg/server/prelude.hpp"
