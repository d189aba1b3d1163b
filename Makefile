# pg_flowctl: build of the server extension by PGXS, for PostgreSQL 15 to 18.
#
#   make && make install && make installcheck       as for every extension; PG_CONFIG chooses the server
#   make unit / make fuzz / make conformance        tests without a server (test/unit/Makefile and so on)
#
# Three rules hold the layers apart: base, core, net and calls are compiled without a server include path, warnings are on for our
# code and off for the server's headers (-isystem), and symbols are hidden but for the entries.

EXTENSION   = pg_flowctl
EXTVERSION  = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)
MODULE_big  = pg_flowctl
DATA_built  = $(EXTENSION)--$(EXTVERSION).sql
DOCS        = README.md
REGRESS     = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))

PURE_SRCS   = $(wildcard src/base/*.cpp src/core/*.cpp src/core/*/*.cpp src/net/*.cpp src/net/*/*.cpp src/calls/*.cpp src/calls/*/*.cpp)
PG_SRCS     = $(wildcard src/pg/*.cpp src/pg/*/*.cpp)
SQL_PIECES  = $(sort $(wildcard src/sql/*.sql))

# The files of a folder are compiled together, since most of the time goes into headers and into the same templates again:
# a clean build takes half of the time. `make TOGETHER=no` compiles each by itself, so that a change takes one file. What stands in
# anonymous namespaces must have different names within a folder; the files of ALONE have names that others there have too.
TOGETHER    = yes
ALONE       = $(wildcard src/core/jsonata/library_*.cpp) \
              $(addprefix src/core/asl/,integrations.cpp resource.cpp scopes.cpp walk.cpp) \
              $(addprefix src/core/machine/,map_run_state.cpp work_query.cpp) \
              $(addprefix src/core/path/,intrinsic_functions.cpp query.cpp query_parse.cpp) \
              $(addprefix src/net/crypto/,jose_key.cpp jwe.cpp) \
              $(addprefix src/net/tokens/,issuer_circuit.cpp token_endpoint.cpp token_flight.cpp) \
              $(addprefix src/pg/,endpoints/files.cpp endpoints/http_options.cpp flows/role_dependency.cpp leases/rules_sql.cpp \
                map_runs/slices.cpp)
SRCS        = $(PURE_SRCS) $(PG_SRCS)
GROUPED     = $(filter-out $(ALONE),$(SRCS))
GROUPS      = $(patsubst %/,build/together/%.cpp,$(sort $(dir $(GROUPED))))
OBJS        = $(if $(filter no,$(TOGETHER)),$(SRCS:.cpp=.o),$(GROUPS:.cpp=.o) $(ALONE:.cpp=.o))

# In precompiled standard headers g++ 12 raises false alarms of these kinds, which it otherwise keeps to itself. The
# unit tests compile base, core, net and calls with them.
WARNINGS    = -Wall -Wextra -Wshadow -Wno-stringop-overread -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict $(if $(WERROR),-Werror)
OUR_FLAGS   = -std=c++20 $(WARNINGS) -fvisibility=hidden -fvisibility-inlines-hidden -Isrc -MMD -MP

EXPORTS     = src/pg/exports.map
SHLIB_LINK  = -Wl,--version-script=$(EXPORTS) -lcurl -lssl -lcrypto -lstdc++
EXTRA_CLEAN = $(DATA_built) $(SRCS:.cpp=.o) $(SRCS:.cpp=.d) build/together build/precompiled

PG_CONFIG  ?= pg_config
PGXS       := $(shell $(PG_CONFIG) --pgxs)
# Bitcode is for inlining C functions into query expressions; ours are never worth that.
override with_llvm = no
include $(PGXS)

# PGXS links with the C compiler.
override COMPILER = $(CXX) $(CXXFLAGS)

# Line numbers are enough for a backtrace; what else a debugger shows takes a third of the time: make DEBUG=-g
DEBUG      ?= -g1
OPT_FLAGS   = -O2 $(DEBUG) -fPIC -fno-omit-frame-pointer $(EXTRA_CXXFLAGS)
PURE_FLAGS  = $(OUR_FLAGS) $(OPT_FLAGS)
PG_FLAGS    = $(OUR_FLAGS) $(OPT_FLAGS) -isystem $(includedir_server) -D_GNU_SOURCE

# g++ reads a header's .gch beside it in place of the header itself; build/ has both, so that only we find it.
PRECOMPILED = build/precompiled/pure.hpp.gch build/precompiled/server.hpp.gch
$(PRECOMPILED): build/precompiled/%.hpp.gch: src/precompiled/%.hpp
	@mkdir -p $(@D)
	@echo '#include "precompiled/$*.hpp"' > $(@:.gch=)
	$(CXX) $(if $(filter pure,$*),$(PURE_FLAGS),$(PG_FLAGS)) -MF $(@:.gch=.d) -MT $@ -x c++-header -c -o $@ $(@:.gch=)

# Written again only when a file has come or gone.
$(GROUPS): build/together/%.cpp: FORCE
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(foreach src,$(GROUPED),$(if $(filter $*/,$(dir $(src))),$(src:src/%=%))) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

# A file is not the main one there, and hides names of those before it.
$(GROUPS:.cpp=.o): WARNINGS += -Wno-subobject-linkage -Wno-shadow
PURE_GROUPS = $(filter-out build/together/src/pg%,$(GROUPS))
PG_GROUPS   = $(filter build/together/src/pg%,$(GROUPS))
$(PURE_SRCS:.cpp=.o) $(PURE_GROUPS:.cpp=.o): %.o: %.cpp build/precompiled/pure.hpp.gch
	$(CXX) $(PURE_FLAGS) -include build/precompiled/pure.hpp -c -o $@ $<
$(PG_SRCS:.cpp=.o) $(PG_GROUPS:.cpp=.o): %.o: %.cpp build/precompiled/server.hpp.gch
	$(CXX) $(PG_FLAGS) -include build/precompiled/server.hpp -c -o $@ $<

$(DATA_built): $(SQL_PIECES) $(EXTENSION).control
	cat $(SQL_PIECES) > $@

$(MODULE_big).so: $(EXPORTS)

-include $(OBJS:.o=.d) $(PRECOMPILED:.gch=.d)

.PHONY: FORCE unit conformance conformance-sql fuzz
unit conformance fuzz:
	$(MAKE) -C test/$@
conformance-sql:
	$(MAKE) -C test/conformance sql PG_CONFIG=$(PG_CONFIG)
