// The settings of pg_flowctl: what each is for, its unit, range, default, and when a change counts.
//
// Contexts: POSTMASTER for what shapes the set of workers, SIGHUP for what workers read (they never see a
// session's SET), USERSET for what belongs to a session. Settings that concern security are hidden from
// ordinary users. The strings belong to the server's GUC machinery, so nobody frees them or keeps them across
// a reload.
//
// A session can load the library, too. POSTMASTER settings cannot be defined then and keep their defaults,
// which nobody reads because there are no workers.
#include <climits>

#include "pg/server/guc.hpp"
#include "pg/server/bridge.hpp"
#include "pg/server/setting_checks.hpp"

namespace flowctl::pg::guc {

int workers = 1;
char* secrets_dir = nullptr;
char* egress_allow = nullptr;
char* proxy = nullptr;
char* installation = nullptr;
bool run = true;
char* arn_partition = nullptr;
char* arn_region = nullptr;
char* arn_account = nullptr;
char* traceparent = nullptr;
char* issuer_url = nullptr;
char* issuer_keys = nullptr;
char* pkcs11_module = nullptr;
int issuer_token_lifetime = 300;
char* issuer_encryption_keys = nullptr;
char* token_keys = nullptr;
bool allow_plain_subject_token = false;
int max_subject_tokens = 256;
int key_set_max_age = 3'600;
int policy_default = PolicyDefault::Permit;
int lease_lifetime = 3'600;
int max_leases = 100;
int max_payload_bytes = 262'144;
int max_history_events = 25'000;
int max_expression_depth = 100;
int max_flow_depth = 16;
int max_expression_bytes = 6'990'256;
int evaluation_timeout = 1'000;
int max_calls = 500;
int max_calls_per_endpoint = 125;
int answer_memory = 512 * 1024;
int definition_memory = 64 * 1024;
int run_memory = 256 * 1024;
int map_children = 1'000;
int map_helpers = 2;
int map_helper_timeout = 3'600'000;
int max_sql_workers = 8;
int sql_workers = 2;
int sql_worker_idle = 60'000;
int synchronous_commit = SYNCHRONOUS_COMMIT_ON;
int log_failures = 0;
int sweep_interval = 60'000;
int discovery_interval = 60'000;
int drain_timeout = 10'000;
int partition_interval = 1'440;
int partitions_ahead = 4;
int max_catch_up = 1'000;
char* schedule_clock = nullptr;
int retention = -1;
int event_retention = 10'080;
int redrive_within = 20'160;

namespace {

const config_enum_entry kSynchronousCommit[] = {{"local", SYNCHRONOUS_COMMIT_LOCAL_FLUSH, false},
                                                {"remote_write", SYNCHRONOUS_COMMIT_REMOTE_WRITE, false},
                                                {"remote_apply", SYNCHRONOUS_COMMIT_REMOTE_APPLY, false},
                                                {"on", SYNCHRONOUS_COMMIT_ON, false},
                                                {"off", SYNCHRONOUS_COMMIT_OFF, false},
                                                {"true", SYNCHRONOUS_COMMIT_ON, true},
                                                {"false", SYNCHRONOUS_COMMIT_OFF, true},
                                                {"yes", SYNCHRONOUS_COMMIT_ON, true},
                                                {"no", SYNCHRONOUS_COMMIT_OFF, true},
                                                {"1", SYNCHRONOUS_COMMIT_ON, true},
                                                {"0", SYNCHRONOUS_COMMIT_OFF, true},
                                                {nullptr, 0, false}};

const config_enum_entry kLogFailures[] = {{"off", 0, false},           {"debug1", DEBUG1, false},
                                          {"log", LOG, false},         {"notice", NOTICE, false},
                                          {"warning", WARNING, false}, {nullptr, 0, false}};

const config_enum_entry kPolicyDefault[] = {
    {"permit", PolicyDefault::Permit, false}, {"deny", PolicyDefault::Deny, false}, {nullptr, 0, false}};

void define_settings(bool with_postmaster_settings) {
    // How many workers share the runs of one database. Each takes one of max_worker_processes. A run stays
    // with one worker for its whole life, chosen by its id; that is why the number is fixed while the server
    // runs.
    if (with_postmaster_settings)
        DefineCustomIntVariable("flowctl.workers", "Sets the number of workers per database.",
                                "Each takes one of max_worker_processes.", &workers, 1, 1, 64, PGC_POSTMASTER,
                                0, nullptr, nullptr, nullptr);

    // How many users' tokens may be in memory for open runs; 8 kB each, not in core files, and not swapped
    // out where the limit on locked memory allows that. Runs that one session starts share a place.
    if (with_postmaster_settings)
        DefineCustomIntVariable("flowctl.max_subject_tokens",
                                "Sets how many tokens of end users open runs can carry.",
                                "Each takes 8 kB of memory.", &max_subject_tokens, 256, 0, 100'000,
                                PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);

    // How many executors of SQL steps the server has at most, over all databases. They are taken from
    // max_worker_processes, which parallel queries and replication need as well.
    if (with_postmaster_settings)
        DefineCustomIntVariable("flowctl.max_sql_workers",
                                "Sets the number of processes that execute SQL steps, of all databases together.",
                                "Each takes one of max_worker_processes.", &max_sql_workers, 8, 1, 1'024,
                                PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);

    // Where the files are that options ending in _file name: client secrets, private keys, certificates.
    // Empty: no option may name a file. The files follow the rules of ssl_key_file on owner and mode.
    DefineCustomStringVariable("flowctl.secrets_dir",
                               "Sets the directory of the files that server and mapping options name.",
                               "Empty means that no option may name a file.", &secrets_dir, "", PGC_SIGHUP,
                               GUC_SUPERUSER_ONLY, check_secrets_dir, nullptr, nullptr);

    // What our own issuer calls itself. The database's name comes behind it, since no two databases may be
    // the same issuer. A service that trusts its tokens looks for flowctl.openid_configuration() and
    // flowctl.jwks() below this URL; something else has to serve them there. If it is empty, no endpoint may
    // say auth 'flowctl'.
    DefineCustomStringVariable("flowctl.issuer_url", "Sets the URL of this installation's own issuer.",
                               "The name of the database is added to it. Empty means that there is none.",
                               &issuer_url, "", PGC_SIGHUP, 0, check_issuer_url, nullptr, nullptr);

    // The keys of that issuer: PEM files in flowctl.secrets_dir. The first signs, all are published: put the
    // next key behind the current one some time before it is to sign, and leave the old one behind the new
    // one until the last token that it signed has ended.
    DefineCustomStringVariable("flowctl.issuer_keys",
                               "Lists the private keys of this installation's own issuer.",
                               "Files in flowctl.secrets_dir, separated by commas; the first signs.",
                               &issuer_keys, "", PGC_SIGHUP, 0, check_key_files, nullptr, nullptr);

    // The library of the token (HSM, smart card) in which keys of that issuer are, where a file of
    // flowctl.issuer_keys names one by its PKCS#11 URI. A worker loads it when it first signs and keeps it;
    // it runs with the server's rights, and a signature holds up the worker for as long as the token takes.
    DefineCustomStringVariable("flowctl.pkcs11_module",
                               "Sets the PKCS#11 module that holds keys of the issuer.",
                               "An absolute path. Empty means none.", &pkcs11_module, "", PGC_SIGHUP,
                               GUC_SUPERUSER_ONLY, check_pkcs11_module, nullptr, nullptr);

    // How long a token of our own lives at most. It ends with its step when that is sooner.
    DefineCustomIntVariable("flowctl.issuer_token_lifetime",
                            "Sets how long tokens of this installation's own issuer live at most.", nullptr,
                            &issuer_token_lifetime, 300, 1, 3'600, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                            nullptr);

    // The keys that users' tokens are encrypted to before they are handed over: PEM files in
    // flowctl.secrets_dir. All of them decrypt; flowctl.jwks() publishes the first, so a new one is put first
    // and the old one stays until nobody uses it any more.
    DefineCustomStringVariable("flowctl.issuer_encryption_keys",
                               "Lists the private keys that users' tokens are decrypted with.",
                               "Files in flowctl.secrets_dir, separated by commas; the first is published.",
                               &issuer_encryption_keys, "", PGC_SIGHUP, 0, check_key_files, nullptr, nullptr);

    // The keys of task tokens (.waitForTaskToken, activities): files in flowctl.secrets_dir with 32 random bytes or
    // more, in whatever form. The first makes tokens and all of them check: put a new one first, and leave the old
    // one behind it until nobody holds a token of it any more. If the list is empty, one file in the data directory
    // is the key; it is made when it is first needed, and a base backup takes it to the standby.
    DefineCustomStringVariable("flowctl.token_keys", "Lists the keys that task tokens are made with.",
                               "Files in flowctl.secrets_dir, separated by commas; the first makes tokens. Empty means a "
                               "file in the data directory.",
                               &token_keys, "", PGC_SIGHUP, 0, check_key_files, nullptr, nullptr);

    // Whether flowctl.set_subject_token() takes a token that is not encrypted. The arguments of statements
    // reach logs and pg_stat_activity, and anybody who reads a token there can use it until it ends.
    DefineCustomBoolVariable("flowctl.allow_plain_subject_token",
                             "Sets whether users' tokens may be handed over unencrypted.", nullptr,
                             &allow_plain_subject_token, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);

    // How long the fetched keys of an issuer are used to verify its users' tokens: a key that the issuer has
    // withdrawn is believed that long at most.
    DefineCustomIntVariable("flowctl.key_set_max_age", "Sets how long an issuer's fetched keys are used.",
                            nullptr, &key_set_max_age, 3'600, 30, 86'400, PGC_SIGHUP, GUC_UNIT_S, nullptr,
                            nullptr, nullptr);

    // Some endpoints have no policy (flowctl.add_policy). With permit, USAGE on the foreign server is enough
    // to call them; with deny, each call needs a policy that permits it.
    DefineCustomEnumVariable(
        "flowctl.policy_default", "Sets whether endpoints that no policy names may be called.", nullptr,
        &policy_default, PolicyDefault::Permit, kPolicyDefault, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How long a database lease lasts at most, even if the timeouts of its call and run are longer. Its
    // password is valid no longer than that, also when no worker is left to take it back.
    DefineCustomIntVariable("flowctl.lease_lifetime", "Sets how long database leases last at most.", nullptr,
                            &lease_lifetime, 3'600, 1, 86'400, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                            nullptr);

    // How many database leases a worker has open at once. Each is a role of the whole cluster. With 0 no flow
    // can make a login, even if its endpoint asks for one.
    DefineCustomIntVariable("flowctl.max_leases",
                            "Sets the number of database leases that one worker has open at once.",
                            "0 means that there are none.", &max_leases, 100, 0, 10'000, PGC_SIGHUP, 0,
                            nullptr, nullptr, nullptr);

    // Flows may call public addresses by https. This list adds addresses and networks to that, each
    // optionally followed by =role to limit it to that role's flows; plain http goes to these only.
    DefineCustomStringVariable(
        "flowctl.egress_allow",
        "Lists the addresses that flows may call although they are not public, or by plain http.",
        "Addresses and CIDRs, separated by commas, each optionally followed by =role.", &egress_allow, "",
        PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_egress_allow, nullptr, nullptr);

    // The proxy of all calls. It may hold a password, hence hidden. The environment's *_proxy variables are
    // ignored.
    DefineCustomStringVariable("flowctl.proxy", "Sets the proxy that calls go through.", "Empty means none.",
                               &proxy, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_proxy, nullptr, nullptr);

    // Whether flows run at all. Off, the server is as it is while it is drained (flowctl.drain), from its
    // start and for as long as the setting stands: runs are accepted and wait. It is for a server whose flows
    // must not act although it cannot know that: a copy made of its storage.
    DefineCustomBoolVariable("flowctl.run", "Sets whether flows run on this server.",
                             "Off: runs are accepted and wait.", &run, true, PGC_SIGHUP, 0, nullptr, nullptr,
                             nullptr);

    // A name for this installation. CREATE EXTENSION records it with the server's system identifier and the
    // database's oid; a copy that differs in any of them does nothing until flowctl.activate(). Give a copy
    // of the data directory (a test system made from a snapshot of the storage) another name, since it has
    // the original's identifier.
    DefineCustomStringVariable(
        "flowctl.installation", "Names this installation, to tell a copy from the original.",
        "Where it differs from what the database recorded, runs wait for flowctl.activate().", &installation,
        "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // Published definitions split Execution.Id and StateMachine.Id of the Context Object to learn the region or
    // the account, so the identifiers of runs, flows and roles have these parts as AWS's do:
    // arn:<partition>:states:<region>:<account>:execution:<flow>:<name>. Whoever moves flows from AWS sets the
    // three as they were there. A change reaches a run under way when it is next loaded from its tables.
    DefineCustomStringVariable("flowctl.arn_partition",
                               "Sets the partition in the identifiers of flows, runs and roles.",
                               "With \"aws\" they look like those of AWS.", &arn_partition, "flowctl",
                               PGC_SIGHUP, 0, check_arn_partition, nullptr, nullptr);
    DefineCustomStringVariable("flowctl.arn_region", "Sets the region in the identifiers of flows and runs.",
                               nullptr, &arn_region, "local", PGC_SIGHUP, 0, check_arn_region, nullptr,
                               nullptr);
    DefineCustomStringVariable("flowctl.arn_account",
                               "Sets the account in the identifiers of flows, runs and roles.",
                               "Empty means the name of the database.", &arn_account, "", PGC_SIGHUP, 0,
                               check_arn_account, nullptr, nullptr);

    // The W3C trace context that the session's next runs belong to. Their calls carry it on.
    DefineCustomStringVariable("flowctl.traceparent",
                               "Sets the W3C trace context of the runs that this session starts.", nullptr,
                               &traceparent, "", PGC_USERSET, 0, check_traceparent, nullptr, nullptr);

    // The largest input, output or answer of a state. AWS's limit by default; above it a step fails with
    // States.DataLimitExceeded and a start is refused. jsonb holds no string of over 64 MB, hence the
    // maximum.
    DefineCustomIntVariable("flowctl.max_payload_bytes",
                            "Sets the largest input or output of a run or state.", nullptr,
                            &max_payload_bytes, 262'144, 1'024, 64 * 1'024 * 1'024, PGC_SIGHUP, GUC_UNIT_BYTE,
                            nullptr, nullptr, nullptr);

    // The longest history of a run: at this event the run fails, as on AWS, so that an endless loop ends.
    DefineCustomIntVariable(
        "flowctl.max_history_events", "Sets the number of history events at which a run fails.", nullptr,
        &max_history_events, 25'000, 100, INT_MAX, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How deep the evaluation of a JSONata expression in a flow may nest, and how large one value of it may
    // be on the way (8 bytes an item, 1 a byte of text); AWS's by default. Beyond them the state fails with
    // States.QueryEvaluationError. Steps and memory of a whole visit are bounded besides.
    DefineCustomIntVariable(
        "flowctl.max_flow_depth", "Limits how deep flows may start one another.",
        "A run that is started by flowctl.start() or by a trigger is not counted. Flows that "
        "start one another in a circle end here.",
        &max_flow_depth, 16, 0, 1'000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("flowctl.max_expression_depth",
                            "Sets how deep the evaluation of an expression in a flow may nest.", nullptr,
                            &max_expression_depth, 100, 10, 400, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("flowctl.max_expression_bytes",
                            "Sets the largest value in the evaluation of an expression in a flow.", nullptr,
                            &max_expression_bytes, 6'990'256, 1'024, 64 * 1'024 * 1'024, PGC_SIGHUP,
                            GUC_UNIT_BYTE, nullptr, nullptr, nullptr);

    // What a run computes for longer than some 50 ms is computed in a process of its own, so that no other
    // run waits for it, and for at most this time. It is processor time: an outcome must not depend on how
    // busy the machine is.
    DefineCustomIntVariable("flowctl.evaluation_timeout",
                            "Sets how long the evaluation of one step of a run may take.",
                            "It is counted in processor time.", &evaluation_timeout, 1'000, 10, 3'600'000,
                            PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);

    // How many HTTP calls a worker has under way at once; more wait in line. An open call takes 14 to 70 KB
    // of the worker's memory and one file descriptor, so the limit on open files counts, too.
    DefineCustomIntVariable("flowctl.max_calls",
                            "Sets the number of calls that one worker has under way at once.", nullptr,
                            &max_calls, 500, 1, 100'000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How many of these may go to one endpoint. Without it, an endpoint that never answers would take them
    // all, and every other flow of the database would stand still.
    DefineCustomIntVariable("flowctl.max_calls_per_endpoint",
                            "Sets the number of calls that one worker has under way at once to one endpoint.",
                            nullptr, &max_calls_per_endpoint, 125, 1, 100'000, PGC_SIGHUP, 0, nullptr,
                            nullptr, nullptr);

    // What the answers of these calls may take together. A call counts with the option max_response_bytes of
    // its endpoint, since an answer may become as large as that; a call that does not fit waits in line.
    DefineCustomIntVariable("flowctl.answer_memory",
                            "Sets how much the answers of the calls may take that one worker has under way.",
                            nullptr, &answer_memory, 512 * 1024, 1024, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB,
                            nullptr, nullptr, nullptr);
    // A compiled definition takes some 25 times its text. What does not fit is compiled again when it is
    // needed.
    DefineCustomIntVariable("flowctl.definition_memory",
                            "Sets how much the compiled definitions may take that one worker keeps.", nullptr,
                            &definition_memory, 64 * 1024, 1024, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB,
                            nullptr, nullptr, nullptr);
    // A run in memory takes its definition, its input and its variables. The run that has rested longest
    // leaves memory when they take more, and comes back when something happens to it.
    DefineCustomIntVariable(
        "flowctl.run_memory", "Sets how much the runs may take that one worker holds in memory.", nullptr,
        &run_memory, 256 * 1024, 1024, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB, nullptr, nullptr, nullptr);

    // How many children of distributed Maps a worker holds in memory at once, over all map runs; it holds
    // even if their MaxConcurrency is higher. A child takes some 10 KB and its payloads. A child that waits
    // for long leaves memory and does not count.
    DefineCustomIntVariable(
        "flowctl.map_children",
        "Sets the number of children of distributed Maps that one worker carries at once.", nullptr,
        &map_children, 1'000, 1, 100'000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How many processes a worker has at once that read items by a query or write results into a table. Each
    // takes one of max_worker_processes while it works; other map runs wait for their turn.
    DefineCustomIntVariable(
        "flowctl.map_helpers",
        "Sets the number of processes that read and write for one worker's distributed Maps at once.",
        "Each takes one of max_worker_processes.", &map_helpers, 2, 1, 64, PGC_SIGHUP, 0, nullptr, nullptr,
        nullptr);

    // How long such a process may take. Its query holds back vacuum, as every long query does.
    DefineCustomIntVariable(
        "flowctl.map_helper_timeout",
        "Sets how long reading the items or writing the results of a distributed Map by SQL may take.",
        "0 means any time.", &map_helper_timeout, 3'600'000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, nullptr,
        nullptr, nullptr);

    // How many processes execute the SQL steps of a database at once. Each serves one role at a time and takes one
    // of max_worker_processes while it is there. With 0, SQL steps wait until there are some.
    DefineCustomIntVariable("flowctl.sql_workers",
                            "Sets the number of processes that execute the SQL steps of one database at once.",
                            "Each takes one of max_worker_processes. With 0, SQL steps wait.", &sql_workers, 2, 0, 64,
                            PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How long such a process is kept when it has nothing to do: to start one takes some 10 ms.
    DefineCustomIntVariable("flowctl.sql_worker_idle",
                            "Sets how long a process that executes SQL steps is kept without work.", nullptr,
                            &sql_worker_idle, 60'000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);

    // synchronous_commit of the worker's own transactions. "off" gives up the promise that an intent is
    // durable before its call leaves: after a crash of the server a call may be repeated under a history that
    // does not show it.
    DefineCustomEnumVariable("flowctl.synchronous_commit",
                             "Sets synchronous_commit for the transactions of workers.", nullptr,
                             &synchronous_commit, SYNCHRONOUS_COMMIT_ON, kSynchronousCommit, PGC_SIGHUP, 0,
                             nullptr, nullptr, nullptr);

    // Failures of runs are rows of flowctl.runs, and a server has better uses for its log; but where a log is
    // what somebody watches, they are there, too. A cause may quote what a service has answered.
    DefineCustomEnumVariable("flowctl.log_failures",
                             "Sets the level of the log messages about runs that end without success.",
                             "Children of distributed Maps are left out.", &log_failures, 0, kLogFailures,
                             PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How often a worker looks for runs that no session told it of: committed prepared transactions, lost
    // hints. Under load it looks sooner, each time it has heard of 4,000 runs, so that no look takes long.
    DefineCustomIntVariable(
        "flowctl.sweep_interval", "Sets how often a worker looks for runs that it was not told of.", nullptr,
        &sweep_interval, 60'000, 100, 24 * 3'600'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);

    // How often the launcher looks for databases that nobody told it of. CREATE DATABASE and CREATE EXTENSION
    // do tell.
    DefineCustomIntVariable(
        "flowctl.discovery_interval", "Sets how often the launcher looks for new databases.", nullptr,
        &discovery_interval, 60'000, 100, 24 * 3'600'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);

    // How long a command that needs a database without connections (DROP DATABASE and its like) waits for the
    // database's workers to leave. They leave at once unless a flow's SQL function ignores cancellation.
    DefineCustomIntVariable(
        "flowctl.drain_timeout", "Sets how long DROP DATABASE and its like wait for workers to leave.",
        nullptr, &drain_timeout, 10'000, 0, 600'000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);

    // Runs and all that belongs to them are stored by the time at which they start, in partitions of this
    // width, which are emptied as a whole. A change counts for partitions that are yet to be made. With a
    // few dozen partitions statements stay cheap; so, an hour where days are kept, a week where years are.
    DefineCustomIntVariable("flowctl.partition_interval",
                            "Sets the span of time that one partition of runs and history holds.", nullptr,
                            &partition_interval, 1'440, 10, 366 * 1'440, PGC_SIGHUP, GUC_UNIT_MIN, nullptr,
                            nullptr, nullptr);

    // How many partitions are there before their time has come. Making one waits for a moment without long
    // readers (pg_dump is one); as long as none is left, new runs go to the default partition.
    DefineCustomIntVariable("flowctl.partitions_ahead", "Sets how many partitions are made ahead of time.",
                            nullptr, &partitions_ahead, 4, 1, 100, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // How long runs are kept, counted from their start: a partition that ends so long ago is emptied. What
    // is open then stays, and goes so long after its own end. For ever by default: nothing is dropped that
    // nobody has asked for.
    DefineCustomIntVariable("flowctl.retention", "Sets how long runs and their history are kept.",
                            "-1 means for ever.", &retention, -1, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN,
                            nullptr, nullptr, nullptr);

    // A run that begins to wait for an event finds those that have come before, so they are kept for some time.
    DefineCustomIntVariable("flowctl.event_retention", "Sets how long events are kept.", "-1 means for ever.",
                            &event_retention, 10'080, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, nullptr, nullptr,
                            nullptr);

    // The state of a run that ended without success takes room. AWS has the same time.
    DefineCustomIntVariable("flowctl.redrive_within",
                            "Sets how long after its end a run can be redriven.", nullptr, &redrive_within,
                            20'160, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, nullptr, nullptr, nullptr);

    // How many runs a schedule starts at most for times that have passed: with catch_up = all after the server was
    // down, for a start in the past, and by flowctl.backfill_schedule(). Older times are missed.
    DefineCustomIntVariable("flowctl.max_catch_up",
                            "Sets how many runs a schedule starts at once for times that have passed.", nullptr,
                            &max_catch_up, 1'000, 1, 100'000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);

    // For tests: schedules take this for the present, and it stands still. Nothing else looks at it. Only the
    // server's configuration can set it.
    DefineCustomStringVariable("flowctl.schedule_clock", "Sets the time at which the clock of schedules stands still.",
                               "For tests; empty means the server's clock. A timestamp of RFC 3339.", &schedule_clock,
                               "", PGC_SIGHUP, GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE, check_schedule_clock, nullptr,
                               nullptr);

    // A misspelt setting is an error from now on. Not where flowctl.workers is unknown: it may stand in
    // postgresql.conf.
    if (with_postmaster_settings) MarkGUCPrefixReserved("flowctl");
}

}  // namespace

void define() {
    const bool at_start = process_shared_preload_libraries_in_progress;
    guarded([at_start] { define_settings(at_start); });
}

}  // namespace flowctl::pg::guc
