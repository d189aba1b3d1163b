// What sessions ask of a run, as rows that the worker which owns the run takes (store/controls).
//
// A session never changes a run itself. It writes down what it wants in its own transaction, and the commit
// wakes the worker; so a request counts if and only if its transaction commits. Who may ask is the caller's
// to check (operated_run.hpp).
#pragma once

#include <string>

#include "pg/store/controls.hpp"

namespace flowctl::pg::control {

inline constexpr const char* kDone = "done";

std::string requested_already(const std::string& kind);
// As the extension's owner. "done", or that the same has been requested already.
std::string request(Spi& spi, const store::Request& request);

}  // namespace flowctl::pg::control
