// The standard headers that most files of src include, compiled once before everything else.
//
// Reading them takes longer than compiling many of the files that include them. The Makefile puts this header in front
// of every file of base, core, net and calls. A file still includes what it uses itself: the unit tests compile the same
// files without this header, so a missing include is an error there.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>
