\echo Use "CREATE EXTENSION pg_flowctl" to load this file. \quit

-- The script creates both schemas itself, instead of naming one as `schema` in the control file: so they belong to the
-- extension, nobody can have made them before, and they go with DROP EXTENSION.
--
-- flowctl has the views and functions that people use, and nothing else. flowctl_catalog has the engine's tables and what
-- only the engine calls; nobody but the extension's owner has a right in it.
CREATE SCHEMA flowctl;
CREATE SCHEMA flowctl_catalog;

-- The tables of the engine. Nobody but the extension's owner reads or writes them directly: users have the functions
-- (40_flows.sql, 45_eval.sql, 50_runs.sql) and the views (60_views.sql). Payloads are JSON text, converted to jsonb by the views only.

CREATE TABLE flowctl_catalog.flow (
    flow_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text        NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_-]{1,80}$'),
    owner           regrole     NOT NULL,
    type            text        NOT NULL CHECK (type IN ('STANDARD', 'EXPRESS')),
    latest_version  int         NOT NULL,
    comment         text,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.flow IS 'flows: a name, an owner and the number of the newest version';

CREATE TABLE flowctl_catalog.flow_version (
    flow_id         uuid        NOT NULL REFERENCES flowctl_catalog.flow ON DELETE CASCADE,
    version         int         NOT NULL,
    definition      text        NOT NULL,
    options         jsonb       NOT NULL DEFAULT '{}',
    author          name        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow_id, version)
);
COMMENT ON TABLE flowctl_catalog.flow_version IS 'immutable versions of flows; a run keeps the version that it started with';

CREATE TABLE flowctl_catalog.flow_grant (
    flow_id         uuid        NOT NULL REFERENCES flowctl_catalog.flow ON DELETE CASCADE,
    role            regrole     NOT NULL,
    granted_by      name        NOT NULL,
    granted_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow_id, role)
);
COMMENT ON TABLE flowctl_catalog.flow_grant IS 'who besides the owner may start a flow (flowctl.grant_start)';

CREATE TABLE flowctl_catalog.author (
    role            regrole     PRIMARY KEY,
    granted_by      name        NOT NULL,
    granted_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.author IS 'who may define flows (flowctl.grant_author)';

-- The three columns above that hold a role give it a right. Each role is recorded as a shared dependency of the column, so
-- that it cannot be dropped from under them (role_dependency.hpp). ALWAYS: also where a restore or a replica writes.
CREATE FUNCTION flowctl_catalog.depend_on_role() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_depend_on_role';
COMMENT ON FUNCTION flowctl_catalog.depend_on_role() IS 'internal: trigger function of the tables that give roles rights';
REVOKE ALL ON FUNCTION flowctl_catalog.depend_on_role() FROM PUBLIC;

CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF owner OR DELETE ON flowctl_catalog.flow
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.flow_grant
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.author
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.flow ENABLE ALWAYS TRIGGER depend_on_role;
ALTER TABLE flowctl_catalog.flow_grant ENABLE ALWAYS TRIGGER depend_on_role;
ALTER TABLE flowctl_catalog.author ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.flow IS 'keeps the owner from being dropped';
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.flow_grant IS 'keeps who may start a flow from being dropped';
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.author IS 'keeps authors from being dropped';

-- These four, and policies and lease rules (below), say who may do what, and members of pg_write_all_data could write to them.
CREATE FUNCTION flowctl_catalog.only_engine_writes() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_only_engine_writes';
COMMENT ON FUNCTION flowctl_catalog.only_engine_writes() IS 'internal: trigger function of the tables that hold flows and rights';
REVOKE ALL ON FUNCTION flowctl_catalog.only_engine_writes() FROM PUBLIC;

CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.flow
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes();
ALTER TABLE flowctl_catalog.flow ENABLE ALWAYS TRIGGER only_engine_writes;
COMMENT ON TRIGGER only_engine_writes ON flowctl_catalog.flow IS 'refuses whoever has not the privileges of the table''s owner';
CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.flow_version
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes();
ALTER TABLE flowctl_catalog.flow_version ENABLE ALWAYS TRIGGER only_engine_writes;
COMMENT ON TRIGGER only_engine_writes ON flowctl_catalog.flow_version IS 'refuses whoever has not the privileges of the table''s owner';
CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.flow_grant
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes();
ALTER TABLE flowctl_catalog.flow_grant ENABLE ALWAYS TRIGGER only_engine_writes;
COMMENT ON TRIGGER only_engine_writes ON flowctl_catalog.flow_grant IS 'refuses whoever has not the privileges of the table''s owner';
CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.author
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes();
ALTER TABLE flowctl_catalog.author ENABLE ALWAYS TRIGGER only_engine_writes;
COMMENT ON TRIGGER only_engine_writes ON flowctl_catalog.author IS 'refuses whoever has not the privileges of the table''s owner';

-- One row per run: inserted in the transaction that starts it, updated once, when it ends.
CREATE TABLE flowctl_catalog.run (
    run_id            uuid        NOT NULL,
    flow_id           uuid        NOT NULL,
    flow              text        NOT NULL,
    version           int         NOT NULL,
    type              text        NOT NULL,
    name              text,
    status            text        NOT NULL DEFAULT 'RUNNING',
    input             text        NOT NULL,
    output            text,       -- set where no history event holds it
    output_ref        int,        -- the history event that holds the output; 0: it is the input
    error             text,
    cause             text,
    started_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at          timestamptz,
    flow_owner        regrole     NOT NULL,
    role              regrole     NOT NULL,
    starter           regrole     NOT NULL,
    session_user_name text        NOT NULL,
    system_user_name  text,
    subject           text,       -- the end user: verified, as are the next two
    subject_issuer    text,
    subject_claims    text,       -- a JSON object
    subject_handle    uuid,       -- under which the worker finds their token, in memory
    asserted_subject  text,
    client_addr       inet,
    application_name  text,
    start_xid         xid8        NOT NULL,   -- of a child: its parent's, so that sweeps for recent runs pass over it
    event             text,       -- the CloudEvents envelope of what caused the run, JSON
    traceparent       text,
    parent_run_id     uuid,
    redrive_count     int         NOT NULL DEFAULT 0,
    redriven_at       timestamptz,
    map_run_id        uuid,       -- of a child of a distributed Map; the last byte of its run_id is its parent's
    map_index         bigint,     -- from 0: which child
    map_items         int,        -- how many items are in its input
    PRIMARY KEY (run_id)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.run IS 'runs: who started what, when, with which input, and how it ended';
-- Every index costs each start an entry, and most runs succeed: so what is looked for among many (open runs, those that
-- failed) has indexes that hold nothing else.
CREATE INDEX run_open ON flowctl_catalog.run (start_xid) WHERE status = 'RUNNING';
COMMENT ON INDEX flowctl_catalog.run_open IS 'finds open runs: of recent transactions, for the worker''s sweep, or all of them';
CREATE INDEX run_failed ON flowctl_catalog.run (started_at) WHERE status IN ('FAILED', 'TIMED_OUT', 'ABORTED');
COMMENT ON INDEX flowctl_catalog.run_failed IS 'finds the runs that ended without success, latest last';
CREATE INDEX run_map ON flowctl_catalog.run (map_run_id, map_index) WHERE map_run_id IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.run_map IS 'finds the children of a distributed Map, in the order of their items';

CREATE TABLE flowctl_catalog.run_default PARTITION OF flowctl_catalog.run DEFAULT;
COMMENT ON TABLE flowctl_catalog.run_default IS 'the leaf of the runs whose time has no leaf of its own';

CREATE TABLE flowctl_catalog.run_name (
    flow_id         uuid        NOT NULL,
    name            text        NOT NULL,
    run_id          uuid        NOT NULL,
    PRIMARY KEY (flow_id, name)
);
COMMENT ON TABLE flowctl_catalog.run_name IS 'names given at start: the same name and input is the same run';
CREATE INDEX run_name_run ON flowctl_catalog.run_name (run_id);
COMMENT ON INDEX flowctl_catalog.run_name_run IS 'finds the names of runs that are no longer kept';

-- Open runs only: small, hot, updated in place.
CREATE TABLE flowctl_catalog.frame (
    run_id          uuid        PRIMARY KEY,
    bucket          smallint    NOT NULL,
    phase           text        NOT NULL,
    current_state   text,
    due_at          timestamptz,
    frame           text        NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.frame IS 'the state of each open run, as the machine saves it';
CREATE INDEX frame_due ON flowctl_catalog.frame (due_at) WHERE due_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.frame_due IS 'finds the runs whose timers fire next';

-- One row per run of a distributed Map state. Its children are rows of flowctl_catalog.run, written when the items are read and begun
-- later, by the worker of the parent. The counts are of children that have ended, kept in the transaction that ends them.
CREATE TABLE flowctl_catalog.map_run (
    map_run_id        uuid        PRIMARY KEY,
    run_id            uuid        NOT NULL,
    call_id           int         NOT NULL,   -- the event id of the parent's MapRunStarted
    bucket            smallint    NOT NULL,
    flow_id           uuid        NOT NULL,
    flow              text        NOT NULL,
    version           int         NOT NULL,
    path              text        NOT NULL,
    state             text        NOT NULL,
    label             text        NOT NULL,
    type              text        NOT NULL,   -- of the children: STANDARD or EXPRESS
    status            text        NOT NULL DEFAULT 'RUNNING',
    phase             text,                   -- READING RUNNING CLOSING WRITING; NULL: nothing is left to do
    plan              text,                   -- what is to be done, JSON; until it is over
    source            text,                   -- items that came in one piece, until all children are written
    max_concurrency   bigint      NOT NULL,
    tolerated_count   bigint,
    tolerated_percentage float8,
    error             text,
    cause             text,
    started_at        timestamptz NOT NULL,
    ended_at          timestamptz,
    read_attempts     int         NOT NULL DEFAULT 0,   -- processes started to read or write for it
    items             bigint      NOT NULL DEFAULT 0,
    children          bigint      NOT NULL DEFAULT 0,
    begun             bigint      NOT NULL DEFAULT 0,   -- children before this index have begun
    succeeded         bigint      NOT NULL DEFAULT 0,
    failed            bigint      NOT NULL DEFAULT 0,
    timed_out         bigint      NOT NULL DEFAULT 0,
    aborted           bigint      NOT NULL DEFAULT 0,
    items_succeeded   bigint      NOT NULL DEFAULT 0,
    items_failed      bigint      NOT NULL DEFAULT 0,
    items_timed_out   bigint      NOT NULL DEFAULT 0,
    items_aborted     bigint      NOT NULL DEFAULT 0,
    results_written   bigint      NOT NULL DEFAULT 0,
    writer_state      text,                   -- how far a writer over HTTP has come, JSON
    UNIQUE (run_id, call_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.map_run IS 'runs of distributed Map states: how many children there are, and what became of them';
CREATE INDEX map_run_open ON flowctl_catalog.map_run (bucket) WHERE phase IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.map_run_open IS 'finds the map runs that a worker has to carry on';

-- Append-only. A payload is stored once: an event whose payload stands in an earlier event names that event.
CREATE TABLE flowctl_catalog.history_event (
    run_id            uuid        NOT NULL,
    event_id          int         NOT NULL,
    previous_event_id int         NOT NULL,
    at                timestamptz NOT NULL,
    type              text        NOT NULL,
    details           text,
    payload_key       text,
    payload           text,
    payload_ref       int,        -- the event that holds the payload; 0: it is the run's input
    path              text,
    state             text,
    visit             int,
    attempt           int,
    PRIMARY KEY (run_id, event_id)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.history_event IS 'every transition of every run';

CREATE TABLE flowctl_catalog.history_event_default PARTITION OF flowctl_catalog.history_event DEFAULT;
COMMENT ON TABLE flowctl_catalog.history_event_default IS 'the leaf of the events whose run''s time has no leaf of its own';

-- An intent is written before a request leaves, its outcome after; neither is ever changed.
CREATE TABLE flowctl_catalog.call (
    run_id          uuid        NOT NULL,
    call_id         int         NOT NULL,   -- the event id of the attempt's TaskScheduled
    sending         int         NOT NULL,   -- 1, and one more for each repetition after a crash
    path            text        NOT NULL,
    state           text        NOT NULL,
    visit           int         NOT NULL,
    attempt         int         NOT NULL,
    endpoint        text        NOT NULL,
    options_hash    text,
    method          text,
    host            text,
    url_path        text,
    issuer          text,
    client_id       text,
    subject         text,
    actor           text,
    audience        text,
    scope           text,
    idempotency_key text,
    request_hash    text,
    started_at      timestamptz NOT NULL,
    decision        text,                   -- by which policy; NULL: none governs the endpoint
    auth            text,                   -- how the call proves itself
    lease           text,                   -- the role made for it, where the endpoint has a database lease
    PRIMARY KEY (run_id, call_id, sending)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.call IS 'the intent of every request, durable before it leaves';

CREATE TABLE flowctl_catalog.call_default PARTITION OF flowctl_catalog.call DEFAULT;
COMMENT ON TABLE flowctl_catalog.call_default IS 'the leaf of the calls whose run''s time has no leaf of its own';

CREATE TABLE flowctl_catalog.call_outcome (
    run_id           uuid        NOT NULL,
    call_id          int         NOT NULL,
    sending          int         NOT NULL,
    ended_at         timestamptz NOT NULL,
    duration         interval    NOT NULL,
    sends            int         NOT NULL,  -- 2 where a refused token was replaced
    http_status      int,
    error            text,
    address          text,
    token_id         text,
    token_expires_at timestamptz,
    request_bytes    bigint,
    response_bytes   bigint,
    response_hash    text,
    subject          text,                  -- as the token says, where it was got with somebody's token
    actor            text,
    PRIMARY KEY (run_id, call_id, sending)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.call_outcome IS 'what came of a request';

CREATE TABLE flowctl_catalog.call_outcome_default PARTITION OF flowctl_catalog.call_outcome DEFAULT;
COMMENT ON TABLE flowctl_catalog.call_outcome_default IS 'the leaf of the outcomes whose run''s time has no leaf of its own';

CREATE TABLE flowctl_catalog.token_revocation (
    run_id          uuid        NOT NULL,
    token_id        text        NOT NULL,
    at              timestamptz NOT NULL,
    revoked         boolean     NOT NULL,
    message         text
) PARTITION BY RANGE (run_id);
CREATE INDEX token_revocation_run ON flowctl_catalog.token_revocation (run_id);
COMMENT ON INDEX flowctl_catalog.token_revocation_run IS 'finds the receipts of a run';
COMMENT ON TABLE flowctl_catalog.token_revocation IS 'receipts of revocation (RFC 7009) at the end of runs';

CREATE TABLE flowctl_catalog.token_revocation_default PARTITION OF flowctl_catalog.token_revocation DEFAULT;
COMMENT ON TABLE flowctl_catalog.token_revocation_default IS 'the leaf of the receipts whose run''s time has no leaf of its own';

-- The five tables above are partitioned by the time in a run's id, all alike: a leaf of each for a span of time, made days
-- ahead, emptied as a whole when its runs are no longer to be kept (leaves.hpp). What falls into no span is in ..._default.
CREATE TABLE flowctl_catalog.leaf (
    starts_at       timestamptz PRIMARY KEY,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    suffix          text        NOT NULL UNIQUE,   -- of the names of its tables: run_<suffix> and so on
    emptied_at      timestamptz,                   -- NULL: its time has not come
    kept            bigint,                        -- runs that stayed when it was emptied, since they were open
    problem         text                           -- why it could not be emptied or dropped at the last attempt
);
COMMENT ON TABLE flowctl_catalog.leaf IS 'the spans of time that runs, history, calls, outcomes and receipts have leaves for';

-- What others want of a run; its worker carries it out and deletes the row.
CREATE TABLE flowctl_catalog.control (
    control_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id          uuid        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('stop')),
    error           text,
    cause           text,
    requested_by    regrole     NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.control IS 'requests to the worker that owns a run: stop';

-- Public keys of issuers, as the worker last fetched them: what users' tokens are verified with.
CREATE TABLE flowctl_catalog.key_set (
    server          oid         PRIMARY KEY,  -- the foreign server that stands for the issuer
    options_hash    text        NOT NULL,     -- of those of its options that say where the keys are
    document        text,                     -- the JWKS; NULL: never fetched
    fetched_at      timestamptz,
    tried_at        timestamptz NOT NULL,
    problem         text                      -- why the last attempt brought nothing; NULL: it did
);
COMMENT ON TABLE flowctl_catalog.key_set IS 'public keys of issuers whose users'' tokens are taken';

CREATE TABLE flowctl_catalog.policy (
    name            text        PRIMARY KEY,
    effect          text        NOT NULL CHECK (effect IN ('permit', 'forbid')),
    endpoint        text,       -- name of a foreign server; NULL: every one
    conditions      text        NOT NULL,  -- a JSON object
    comment         text,
    created_by      name        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.policy IS 'who may use which endpoint, for what and when (flowctl.add_policy)';
CREATE INDEX policy_endpoint ON flowctl_catalog.policy (endpoint);
COMMENT ON INDEX flowctl_catalog.policy_endpoint IS 'finds the policies of an endpoint, and those of all';
CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.policy
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes();
ALTER TABLE flowctl_catalog.policy ENABLE ALWAYS TRIGGER only_engine_writes;
COMMENT ON TRIGGER only_engine_writes ON flowctl_catalog.policy IS 'refuses whoever has not the privileges of the table''s owner';

-- Database leases: roles that live as long as a call or run. A row and its role are made in one transaction, before the call
-- leaves; the row says what to drop after a crash, and stays as a record.
CREATE TABLE flowctl_catalog.lease (
    role_name       text        PRIMARY KEY,
    role_oid        oid         NOT NULL,
    database_oid    oid         NOT NULL,  -- where it was made: in a copy of the database the role is not ours
    kind            text        NOT NULL CHECK (kind IN ('LOGIN', 'MEMBER')),
    roles           text[]      NOT NULL,  -- that it is a member of
    rules           text[]      NOT NULL,  -- that gave some of them
    member          text,                  -- the login that was made a member of it
    endpoint        text        NOT NULL,
    run_id          uuid        NOT NULL,
    call_id         int         NOT NULL,
    sending         int         NOT NULL,
    until_run       boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    valid_until     timestamptz NOT NULL,
    ended_at        timestamptz,           -- from here on nobody logs in by it
    ended_by        text,                  -- CALL RUN EXPIRED RESTART LEFT COPY
    dropped_at      timestamptz,
    problem         text                   -- why it is not yet dropped
);
COMMENT ON TABLE flowctl_catalog.lease IS 'who had which rights in this database for which call, and until when';
CREATE INDEX lease_run ON flowctl_catalog.lease (run_id);
COMMENT ON INDEX flowctl_catalog.lease_run IS 'finds the leases of a run';
CREATE INDEX lease_open ON flowctl_catalog.lease (role_name) WHERE dropped_at IS NULL;
COMMENT ON INDEX flowctl_catalog.lease_open IS 'finds the roles that are still to be dropped';

CREATE TABLE flowctl_catalog.lease_rule (
    name            text        PRIMARY KEY,
    endpoint        text        NOT NULL,  -- name of a foreign server
    role            regrole     NOT NULL,
    conditions      text        NOT NULL,  -- a JSON object
    comment         text,
    created_by      name        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.lease_rule IS 'which runs lease which role where they call an endpoint (flowctl.add_lease_rule)';
CREATE INDEX lease_rule_endpoint ON flowctl_catalog.lease_rule (endpoint);
COMMENT ON INDEX flowctl_catalog.lease_rule_endpoint IS 'finds the rules of an endpoint';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.lease_rule
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.lease_rule ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.lease_rule IS 'keeps roles that rules lease from being dropped';
CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON flowctl_catalog.lease_rule
    FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes();
ALTER TABLE flowctl_catalog.lease_rule ENABLE ALWAYS TRIGGER only_engine_writes;
COMMENT ON TRIGGER only_engine_writes ON flowctl_catalog.lease_rule IS 'refuses whoever has not the privileges of the table''s owner';

CREATE TABLE flowctl_catalog.denial (
    denial_id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at                timestamptz NOT NULL,
    action            text        NOT NULL,
    object            text,
    role_name         text,
    session_user_name text,
    subject           text,
    reason            text        NOT NULL,
    run_id            uuid
);
COMMENT ON TABLE flowctl_catalog.denial IS 'attempts that were denied, also those of transactions that rolled back';

CREATE TABLE flowctl_catalog.installation (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint      NOT NULL,
    database_oid      oid         NOT NULL,
    installation      text        NOT NULL,
    at                timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE flowctl_catalog.installation IS
    'where this database was when its flows were last allowed to act; in a copy they do nothing until flowctl.activate()';

-- Flows are user data: pg_dump takes them. Runs and history stay where they happened.
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.flow', '');
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.flow_version', '');
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.flow_grant', '');
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.author', '');
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.policy', '');
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.lease_rule', '');
