// RapidJSON, configured once for the whole project.
//
// Every file that uses RapidJSON includes this header and no RapidJSON header directly: two configurations
// in one binary would be an ODR violation. The namespace is our own, so that another extension in the same
// backend never shares its templates, and a failed assertion throws instead of ending the server (functions
// that are noexcept in RapidJSON still abort: check the type before each access).
#pragma once

#include <stdexcept>

#define RAPIDJSON_NAMESPACE flowctl_rapidjson
#define RAPIDJSON_NAMESPACE_BEGIN namespace flowctl_rapidjson {
#define RAPIDJSON_NAMESPACE_END }
#define RAPIDJSON_HAS_STDSTRING 1
#define RAPIDJSON_ASSERT_THROWS 1
#define RAPIDJSON_ASSERT(x)                                                  \
    do {                                                                     \
        if (!(x)) throw std::logic_error("RapidJSON assertion failed: " #x); \
    } while (false)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wclass-memaccess"
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#pragma GCC diagnostic pop
