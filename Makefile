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
OBJS        = $(PURE_SRCS:.cpp=.o) $(PG_SRCS:.cpp=.o)
SQL_PIECES  = $(sort $(wildcard src/sql/*.sql))

WARNINGS    = -Wall -Wextra -Wshadow $(if $(WERROR),-Werror)
OUR_FLAGS   = -std=c++20 $(WARNINGS) -fvisibility=hidden -fvisibility-inlines-hidden -Isrc -MMD -MP

EXPORTS     = src/pg/exports.map
SHLIB_LINK  = -Wl,--version-script=$(EXPORTS) -lcurl -lssl -lcrypto -lstdc++
EXTRA_CLEAN = $(DATA_built) $(OBJS:.o=.d)

PG_CONFIG  ?= pg_config
PGXS       := $(shell $(PG_CONFIG) --pgxs)
# Bitcode is for inlining C functions into query expressions; ours are never worth that.
override with_llvm = no
include $(PGXS)

# PGXS links with the C compiler.
override COMPILER = $(CXX) $(CXXFLAGS)

OPT_FLAGS   = -O2 -g -fPIC -fno-omit-frame-pointer $(EXTRA_CXXFLAGS)
$(PURE_SRCS:.cpp=.o): %.o: %.cpp
	$(CXX) $(OUR_FLAGS) $(OPT_FLAGS) -c -o $@ $<
$(PG_SRCS:.cpp=.o): %.o: %.cpp
	$(CXX) $(OUR_FLAGS) $(OPT_FLAGS) -isystem $(includedir_server) -D_GNU_SOURCE -c -o $@ $<

$(DATA_built): $(SQL_PIECES) $(EXTENSION).control
	cat $(SQL_PIECES) > $@

$(MODULE_big).so: $(EXPORTS)

-include $(OBJS:.o=.d)

.PHONY: unit conformance conformance-sql fuzz
unit conformance fuzz:
	$(MAKE) -C test/$@
conformance-sql:
	$(MAKE) -C test/conformance sql PG_CONFIG=$(PG_CONFIG)
