// Calls of map runs; see exchange.hpp.
#include "pg/map_runs/exchange.hpp"

#include <utility>

#include "net/http/url.hpp"
#include "pg/endpoints/endpoint.hpp"
#include "pg/engine/load.hpp"
#include "pg/server/timestamps.hpp"
#include "pg/server/transaction.hpp"

namespace flowctl::pg {

namespace {

using Kind = asl::DataResource::Kind;

bool is_s3(Kind kind) {
    return kind == Kind::S3GetObject || kind == Kind::S3ListObjects || kind == Kind::S3PutObject;
}

// What sending a document's call has come to in its transaction. Neither: there is no room for it now.
struct Preparation {
    std::optional<http_task::Refusal> refusal;
    std::optional<http_task::Prepared> prepared;
};

machine::Call call_of(const MapRun& run, const std::string& path, const asl::DataResource& resource) {
    machine::Call call;
    call.id = run.call_id;
    call.resource.kind = asl::Resource::Kind::HttpInvoke;
    call.resource.name = resource.name;
    call.path = path;
    call.state = run.plan.state;
    call.visit = run.plan.visit;
    call.attempt = run.plan.attempt;
    return call;
}

Preparation prepare(Spi& spi, State& state, const MapRun& run, machine::Call call, Kind kind,
                    const http_task::Document& document) {
    if (is_s3(kind)) {
        call.resource.text = call.resource.name;
        auto server = endpoint_for_arn(call.resource.name);
        if (!server) return {http_task::Refusal{server.error().error, server.error().cause}, std::nullopt};
        call.resource.name = std::move(server).value();
    }
    if (!state.has_room(http_task::lanes_of_endpoint(call))) return {};
    const store::LoadedRuns parents = store::load_runs(spi, {run.parent}, 1);
    if (parents.runs.empty()) return {};
    std::string problem;
    const std::unique_ptr<LiveRun> parent = make_live(spi, state, parents.runs.front(), problem);
    if (!problem.empty()) return {http_task::Refusal{"States.Runtime", problem}, std::nullopt};
    if (!state.has_room(http_task::lanes_of(*parent, call))) return {};
    const std::int32_t sending = store::next_sending(spi, run.parent, static_cast<std::int32_t>(run.call_id));
    http_task::Lookups lookups;
    auto result = http_task::prepare_document(*parent, call, document, unix_micros_now(), sending, lookups);
    if (auto* refusal = std::get_if<http_task::Refusal>(&result)) return {std::move(*refusal), std::nullopt};
    Preparation done{std::nullopt, std::get<http_task::Prepared>(std::move(result))};
    store::append_calls({&done.prepared->intent});
    return done;
}

}  // namespace

std::string text_argument(const json::Value& arguments, const char* name) {
    const json::Value* value = arguments.find(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string object_path(const std::string& bucket, const std::string& key) {
    std::string path = "/" + net::percent_encode(bucket);
    std::size_t from = 0;
    for (;;) {
        const std::size_t slash = key.find('/', from);
        path += "/" + net::percent_encode(key.substr(from, slash - from));
        if (slash == std::string::npos) return path;
        from = slash + 1;
    }
}

json::Value as_invoke(const json::Value& arguments, const char* method) {
    json::ObjectBuilder input;
    input.add("Method", method);
    if (arguments.is_object())
        for (const json::Member& member : arguments.members())
            if (member.key != "Method") input.add(member.key, member.value);
    return input.build();
}

bool Exchange::send(MapRun& run, const std::string& path, const asl::DataResource& resource,
                    const http_task::Document& document) {
    Preparation done;
    in_transaction("pg_flowctl: preparing a call of a map run", [&](Spi& spi) {
        done = prepare(spi, state_, run, call_of(run, path, resource), resource.kind, document);
    });
    if (done.refusal) {
        const bool reads = run.phase == store::MapPhase::Reading;
        phases_.fail(run, std::string(reads ? map_run::kItemReaderFailed : map_run::kResultWriterFailed),
                     done.refusal->error + ": " + done.refusal->cause);
        return true;
    }
    if (!done.prepared) return false;
    done.prepared->request.redacted = leases_.passwords_of(run.parent);
    run.pending = std::move(done.prepared->pending);
    run.request = state_.send(std::move(done.prepared->request), part_, run.pending.lanes);
    return false;
}

void Exchange::take(MapRun& run, net::Response&& response) {
    run.request = 0;
    run.answer = http_task::interpret_document(run.pending, std::move(response), unix_micros_now());
}

}  // namespace flowctl::pg
