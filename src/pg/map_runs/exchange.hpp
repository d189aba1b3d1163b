// Exchange: the calls by which a map run reads a document of items from an endpoint, and sends files of
// results there.
//
// Each is a call of the parent run: its intent is in flowctl_catalog.call before it leaves, and it counts
// against the limits of its endpoint. S3's objects lie where path-style addresses say, <url>/<bucket>/<key>,
// of the endpoint whose option `arn` covers the Resource.
#pragma once

#include <optional>
#include <string>

#include "pg/engine/state.hpp"
#include "pg/map_runs/open_map_runs.hpp"
#include "pg/map_runs/phases.hpp"

namespace flowctl::pg {

class Exchange {
  public:
    Exchange(State& state, const Leases& leases, Phases& phases, Part& part)
        : state_(state), leases_(leases), phases_(phases), part_(part) {}

    // Sends the call of a document; `path` says which of the parent's calls it is. What cannot be sent fails
    // the map run (true). Where there is no room for the call nothing happens, and it is to be tried again.
    bool send(MapRun& run, const std::string& path, const asl::DataResource& resource,
              const http_task::Document& document);
    // The answer has come, for MapRun::answer.
    static void take(MapRun& run, net::Response&& response);

  private:
    State& state_;
    const Leases& leases_;
    Phases& phases_;
    Part& part_;  // that the answers come to
};

// The argument of a reader or writer, where it is a string; else nothing.
std::string text_argument(const json::Value& arguments, const char* name);
// The path of an object in a bucket. Each segment is encoded; the slashes are the key's own.
std::string object_path(const std::string& bucket, const std::string& key);
// Arguments as the input of an :invoke, with this method.
json::Value as_invoke(const json::Value& arguments, const char* method);

}  // namespace flowctl::pg
