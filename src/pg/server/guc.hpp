// The settings of pg_flowctl, flowctl.*. Each is described in guc.cpp, above its definition.
#pragma once

namespace flowctl::pg::guc {

extern int workers;        // per database
extern char* secrets_dir;  // empty: none
extern char* egress_allow;
extern char* proxy;
extern char* installation;
extern bool run;                      // whether flows run on this server
extern char* arn_partition;  // of the identifiers in the Context Object
extern char* arn_region;
extern char* arn_account;             // empty: the database's name
extern char* traceparent;             // of the session, recorded with the runs it starts
extern char* issuer_url;              // of our own issuer, without the database's name; empty: none
extern char* issuer_keys;             // file names; the first signs
extern char* pkcs11_module;           // empty: none
extern int issuer_token_lifetime;     // s
extern char* issuer_encryption_keys;  // file names
extern char* token_keys;              // file names; empty: a file in the data directory
extern bool allow_plain_subject_token;
extern int max_subject_tokens;
extern int key_set_max_age;  // s
enum PolicyDefault : int { Permit, Deny };
extern int policy_default;  // PolicyDefault: for endpoints that no policy names
extern int lease_lifetime;  // s
extern int max_leases;      // open at once, per worker
extern int max_payload_bytes;
extern int max_history_events;
extern int max_expression_depth;
extern int max_flow_depth;
extern int max_expression_bytes;
extern int evaluation_timeout;      // ms
extern int max_calls;  // under way at once, per worker
extern int max_calls_per_endpoint;
extern int answer_memory;       // of all calls under way, kB
extern int definition_memory;   // of the compiled definitions that a worker keeps, kB
extern int run_memory;          // of the runs that a worker holds, kB
extern int map_children;        // of map runs, in memory at once, per worker
extern int map_helpers;         // processes at once, per worker
extern int map_helper_timeout;  // ms
extern int max_sql_workers;     // executors of SQL steps, of the server
extern int sql_workers;         // of a database; 0: none
extern int sql_worker_idle;     // ms
extern int synchronous_commit;  // enum of the server's
extern int log_failures;        // level of the server's messages; 0: none
extern int sweep_interval;      // ms
extern int discovery_interval;  // ms, of the launcher
extern int drain_timeout;       // ms: how long DROP DATABASE and its like wait for workers
extern int partition_interval;  // min
extern int partitions_ahead;
extern int retention;       // min; -1: for ever
extern int event_retention;  // min; -1: for ever
extern int redrive_within;  // min
extern int max_catch_up;
extern char* schedule_clock;  // empty: the server's

void define();  // called by _PG_init

}  // namespace flowctl::pg::guc
