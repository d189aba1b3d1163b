-- Limits: which runs may begin when, and how much a role may use.
--
-- A run of a flow with limits waits until the worker of shard 0 admits it. The transaction that starts the run
-- writes its row in limit_wait; the worker deletes it in the transaction that admits the run, and writes there
-- what the run holds from now on (limit_hold). The transaction that ends the run deletes this again. A run that is
-- redriven waits in the same way; it is open then, and its ended_frame stays until it is admitted. Only that
-- worker writes limit_hold, so what it counts is right without locks; a worker of another shard tells it by
-- limit_release which runs have ended, and is told by limit_decision which of its runs may begin. What a worker
-- remembers is only a copy of these tables, so nothing is lost or held for ever when one dies.
--
-- The tables of limits, pauses and quotas are dumped; what belongs to runs is not.

CREATE TABLE flowctl_catalog.named_limit (
    limit_id        uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    name            text        NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_-]{1,80}$'),
    owner           flowctl_catalog.role_ref NOT NULL,
    slots           bigint      CHECK (slots > 0),
    rate            text,
    burst           bigint      CHECK (burst > 0),
    comment         text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (slots IS NOT NULL OR rate IS NOT NULL)
);
COMMENT ON TABLE flowctl_catalog.named_limit IS 'limits that several flows share (flowctl.create_limit)';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF owner OR DELETE ON flowctl_catalog.named_limit
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.named_limit ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.named_limit IS 'keeps owners of limits from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.named_limit', '');

CREATE TABLE flowctl_catalog.limit_grant (
    limit_id        uuid        NOT NULL,
    role            flowctl_catalog.role_ref NOT NULL,
    granted_by      name        NOT NULL,
    granted_at      timestamptz NOT NULL DEFAULT now(),
    grant_id        uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid()
);
COMMENT ON TABLE flowctl_catalog.limit_grant IS
    'which roles besides the owner may name a limit in the options of their flows (flowctl.grant_limit)';
COMMENT ON COLUMN flowctl_catalog.limit_grant.grant_id IS
    'the replica identity, which a publication FOR ALL TABLES wants before rows can be deleted';
CREATE UNIQUE INDEX limit_grant_role ON flowctl_catalog.limit_grant (limit_id, (role::oid));
COMMENT ON INDEX flowctl_catalog.limit_grant_role IS 'finds the limits that a role may use';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.limit_grant
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.limit_grant ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.limit_grant IS 'keeps roles that may use a limit from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.limit_grant', '');

-- Pauses name what they pause, so a restore in any order keeps them.
CREATE TABLE flowctl_catalog.pause (
    kind            text        NOT NULL CHECK (kind IN ('flow', 'endpoint')),
    name            text        NOT NULL,
    schedules       text        NOT NULL DEFAULT 'queue' CHECK (schedules IN ('queue', 'drop')),
    reason          text,
    paused_by       name        NOT NULL,
    paused_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);
COMMENT ON TABLE flowctl_catalog.pause IS
    'flows and endpoints that are paused (flowctl.pause_flow, flowctl.pause_endpoint)';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.pause', '');

-- How much a role may use, as the owner of flows.
CREATE TABLE flowctl_catalog.quota (
    quota_id        uuid        PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    role            flowctl_catalog.role_ref NOT NULL,
    open_runs       bigint      CHECK (open_runs >= 0),
    calls           bigint      CHECK (calls > 0),
    stored_bytes    bigint      CHECK (stored_bytes >= 0),
    set_by          name        NOT NULL,
    set_at          timestamptz NOT NULL DEFAULT now(),
    CHECK (open_runs IS NOT NULL OR calls IS NOT NULL OR stored_bytes IS NOT NULL)
);
COMMENT ON TABLE flowctl_catalog.quota IS
    'how many open runs and calls under way the flows of a role may have, and how much their runs may store '
    '(flowctl.set_quota)';
COMMENT ON COLUMN flowctl_catalog.quota.quota_id IS
    'the replica identity, which a publication FOR ALL TABLES wants before rows can be deleted';
CREATE UNIQUE INDEX quota_role ON flowctl_catalog.quota ((role::oid));
COMMENT ON INDEX flowctl_catalog.quota_role IS 'keeps a role from having two rows';
CREATE TRIGGER depend_on_role AFTER INSERT OR UPDATE OF role OR DELETE ON flowctl_catalog.quota
    FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.depend_on_role();
ALTER TABLE flowctl_catalog.quota ENABLE ALWAYS TRIGGER depend_on_role;
COMMENT ON TRIGGER depend_on_role ON flowctl_catalog.quota IS 'keeps roles with a quota from being dropped';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.quota', '');

-- What was measured is no part of a dump: another server stores other things.
CREATE TABLE flowctl_catalog.stored_use (
    role            oid         PRIMARY KEY,
    bytes           bigint      NOT NULL,
    measured_at     timestamptz NOT NULL
);
COMMENT ON TABLE flowctl_catalog.stored_use IS
    'how much the runs of roles with a quota of stored bytes store, as it was measured last';
ALTER TABLE flowctl_catalog.stored_use ENABLE ROW LEVEL SECURITY;

-- A row for each run that may not begin yet. It waits in a line with the runs that pass the same limits, or for
-- the end of the window in which a later run would take its place (stage debounce).
CREATE TABLE flowctl_catalog.limit_wait (
    run_id          uuid        PRIMARY KEY,
    flow_id         uuid        NOT NULL,
    flow_owner      oid         NOT NULL,
    debounce        boolean     NOT NULL,     -- the run waits for the end of its window
    line            uuid        NOT NULL,     -- all zeros: the run is about to end, since others have replaced it
    rank            int         NOT NULL,     -- the priority, negated
    since           timestamptz NOT NULL,
    due_at          timestamptz,              -- when the window ends, or the run has waited too long
    first_at        timestamptz,              -- when the window began
    concurrency_key text,
    rate_key        text
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.limit_wait IS 'runs that wait for a limit, a window or the end of a pause';
CREATE INDEX limit_wait_line ON flowctl_catalog.limit_wait (line, rank, run_id);
COMMENT ON INDEX flowctl_catalog.limit_wait_line IS 'finds the first runs of a line';
CREATE INDEX limit_wait_due ON flowctl_catalog.limit_wait (due_at) WHERE due_at IS NOT NULL;
COMMENT ON INDEX flowctl_catalog.limit_wait_due IS 'finds the runs whose window ends or that have waited too long';
ALTER TABLE flowctl_catalog.limit_wait ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.limit_hold (
    run_id          uuid        NOT NULL,
    gate            uuid        NOT NULL,
    flow_id         uuid        NOT NULL,
    limit_name      text,       -- of a limit that flows share; NULL: the flow's max_concurrency
    key             text,       -- the value of concurrency_key
    PRIMARY KEY (run_id, gate)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.limit_hold IS 'which limits the open runs hold a place of';
CREATE INDEX limit_hold_gate ON flowctl_catalog.limit_hold (gate, run_id);
COMMENT ON INDEX flowctl_catalog.limit_hold_gate IS 'finds the runs that hold a place of a limit, the oldest first';
ALTER TABLE flowctl_catalog.limit_hold ENABLE ROW LEVEL SECURITY;

-- A rate's token bucket, which is full at full_at. A bucket that is full needs no row.
CREATE TABLE flowctl_catalog.limit_rate (
    gate            uuid        PRIMARY KEY,
    flow_id         uuid,
    limit_name      text,
    key             text,
    full_at         timestamptz NOT NULL,
    next_at         timestamptz NOT NULL      -- when the next run may begin
) WITH (fillfactor = 60, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.limit_rate IS 'how much of each rate has been used';
ALTER TABLE flowctl_catalog.limit_rate ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.limit_decision (
    run_id          uuid        PRIMARY KEY,
    bucket          smallint    NOT NULL,
    flow_owner      oid         NOT NULL,
    error           text,       -- NULL: the run may begin
    cause           text
) WITH (autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.limit_decision IS
    'what became of waiting runs, for the workers that own them, until they know';
ALTER TABLE flowctl_catalog.limit_decision ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.limit_release (
    run_id          uuid        PRIMARY KEY,
    comes_again     boolean     NOT NULL      -- the run is redriven, and has a row in limit_wait
) WITH (autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE flowctl_catalog.limit_release IS
    'runs that have ended or are redriven with workers of other shards than 0, which admits runs';
ALTER TABLE flowctl_catalog.limit_release ENABLE ROW LEVEL SECURITY;

-- What is held and who waits. Whoever owns a flow or a limit sees all of it; who may use a limit of somebody else sees
-- how full it is. Who sees the runs of a flow by a grant sees whether it is paused, but no keys, since these are values
-- of inputs.
CREATE VIEW flowctl.limits WITH (security_barrier) AS
    WITH flow AS MATERIALIZED (
        SELECT f.flow_id, f.name, f.owner, f.options FROM flowctl_catalog.flow f
        WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)),
    shared AS MATERIALIZED (
        SELECT n.name, n.owner, n.slots, n.rate, n.burst FROM flowctl_catalog.named_limit n
        WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR n.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
           OR n.limit_id IN (SELECT g.limit_id FROM flowctl_catalog.limit_grant g
                             WHERE g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)))
    SELECT 'max_concurrency' AS kind, NULL::text AS name, f.name AS flow, k.key,
           (f.options ->> 'max_concurrency')::bigint AS slots, NULL::text AS rate, NULL::bigint AS burst,
           k.held, k.waiting, k.waiting_since, NULL::timestamptz AS next_at, f.owner::regrole AS owner,
           NULL::name AS paused_by, NULL::timestamptz AS paused_at, NULL::text AS pause_reason
    FROM flow f JOIN
         (SELECT u.flow_id, u.key, pg_catalog.sum(u.held)::bigint AS held, pg_catalog.sum(u.waiting)::bigint AS waiting,
                 pg_catalog.min(u.since) AS waiting_since
          FROM (SELECT h.flow_id, h.key, 1 AS held, 0 AS waiting, NULL::timestamptz AS since
                FROM flowctl_catalog.limit_hold h WHERE h.limit_name IS NULL
                UNION ALL
                SELECT w.flow_id, w.concurrency_key, 0, 1, w.since FROM flowctl_catalog.limit_wait w WHERE NOT w.debounce
                UNION ALL
                SELECT o.flow_id, NULL, 0, 0, NULL FROM flow o
                WHERE o.options ? 'max_concurrency' AND NOT o.options ? 'concurrency_key') u
          GROUP BY u.flow_id, u.key) k ON k.flow_id = f.flow_id
    WHERE f.options ? 'max_concurrency'
    UNION ALL
    SELECT 'rate', NULL, f.name, k.key, NULL, f.options ->> 'rate', coalesce((f.options ->> 'burst')::bigint, 1), 0,
           k.waiting, k.waiting_since, k.next_at, f.owner::regrole, NULL, NULL, NULL
    FROM flow f JOIN
         (SELECT u.flow_id, u.key, pg_catalog.sum(u.waiting)::bigint AS waiting, pg_catalog.min(u.since) AS waiting_since,
                 pg_catalog.max(u.next_at) AS next_at
          FROM (SELECT w.flow_id, w.rate_key AS key, 1 AS waiting, w.since, NULL::timestamptz AS next_at
                FROM flowctl_catalog.limit_wait w WHERE NOT w.debounce
                UNION ALL
                SELECT r.flow_id, r.key, 0, NULL, r.next_at FROM flowctl_catalog.limit_rate r WHERE r.limit_name IS NULL
                UNION ALL
                SELECT o.flow_id, NULL, 0, NULL, NULL FROM flow o WHERE o.options ? 'rate' AND NOT o.options ? 'rate_key') u
          GROUP BY u.flow_id, u.key) k ON k.flow_id = f.flow_id
    WHERE f.options ? 'rate'
    UNION ALL
    SELECT 'debounce', NULL, f.name, NULL, NULL, NULL, NULL, 0, k.waiting, k.waiting_since, k.next_at, f.owner::regrole,
           NULL, NULL, NULL
    FROM flow f JOIN
         (SELECT w.flow_id, pg_catalog.count(*) AS waiting, pg_catalog.min(w.since) AS waiting_since,
                 pg_catalog.min(w.due_at) AS next_at
          FROM flowctl_catalog.limit_wait w WHERE w.debounce GROUP BY w.flow_id) k ON k.flow_id = f.flow_id
    UNION ALL
    SELECT 'shared', s.name, NULL, NULL, s.slots, s.rate, CASE WHEN s.rate IS NOT NULL THEN coalesce(s.burst, 1) END,
           (SELECT pg_catalog.count(*) FROM flowctl_catalog.limit_hold h WHERE h.limit_name = s.name),
           k.waiting, k.waiting_since,
           (SELECT r.next_at FROM flowctl_catalog.limit_rate r WHERE r.limit_name = s.name), s.owner::regrole,
           NULL, NULL, NULL
    FROM shared s CROSS JOIN LATERAL
         (SELECT pg_catalog.count(*) AS waiting, pg_catalog.min(w.since) AS waiting_since
          FROM flowctl_catalog.limit_wait w JOIN flowctl_catalog.flow f ON f.flow_id = w.flow_id
          WHERE NOT w.debounce AND f.options -> 'limits' ? s.name) k
    UNION ALL
    SELECT 'pause', NULL, f.name, NULL, NULL, NULL, NULL, 0,
           (SELECT pg_catalog.count(*) FROM flowctl_catalog.limit_wait w WHERE w.flow_id = f.flow_id),
           (SELECT pg_catalog.min(w.since) FROM flowctl_catalog.limit_wait w WHERE w.flow_id = f.flow_id),
           NULL, f.owner::regrole, p.paused_by, p.paused_at, p.reason
    FROM flowctl_catalog.flow f JOIN flowctl_catalog.pause p ON p.kind = 'flow' AND p.name = f.name
    WHERE f.flow_id IN (SELECT o.flow_id FROM flow o)
       OR f.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_readable_flow g)
    UNION ALL
    SELECT 'endpoint', p.name, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, s.srvowner::regrole, p.paused_by,
           p.paused_at, p.reason
    FROM flowctl_catalog.pause p JOIN pg_catalog.pg_foreign_server s ON s.srvname = p.name
    WHERE p.kind = 'endpoint'
      AND ((SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
           OR pg_catalog.has_server_privilege(s.oid, 'USAGE'));
COMMENT ON VIEW flowctl.limits IS
    'limits and pauses: how many runs hold a place of each and how many wait, by flow and key';
COMMENT ON COLUMN flowctl.limits.kind IS
    'max_concurrency | rate | debounce (options of a flow) | shared (flowctl.create_limit) | pause (flowctl.pause_flow) | endpoint '
    '(flowctl.pause_endpoint)';
COMMENT ON COLUMN flowctl.limits.name IS 'name of a shared limit or of a paused endpoint';
COMMENT ON COLUMN flowctl.limits.flow IS 'the flow; NULL for a shared limit';
COMMENT ON COLUMN flowctl.limits.key IS 'the value of concurrency_key or rate_key; NULL if the flow has none';
COMMENT ON COLUMN flowctl.limits.slots IS 'how many runs may be open at once';
COMMENT ON COLUMN flowctl.limits.rate IS 'how many runs may begin in which time';
COMMENT ON COLUMN flowctl.limits.burst IS 'how many runs may begin at once after a rest';
COMMENT ON COLUMN flowctl.limits.held IS 'how many runs hold a place; a parked run keeps its place';
COMMENT ON COLUMN flowctl.limits.waiting IS
    'how many runs wait, for this limit or for another one that they also have to pass';
COMMENT ON COLUMN flowctl.limits.waiting_since IS 'when the oldest run that waits was started';
COMMENT ON COLUMN flowctl.limits.next_at IS
    'when the next run may begin because of the rate, or the next window ends; a time that has passed: at once';
COMMENT ON COLUMN flowctl.limits.owner IS 'who owns the flow, limit or endpoint';
COMMENT ON COLUMN flowctl.limits.paused_by IS 'who has paused the flow or endpoint';
COMMENT ON COLUMN flowctl.limits.paused_at IS 'when it was paused';
COMMENT ON COLUMN flowctl.limits.pause_reason IS 'the reason that was given';
REVOKE ALL ON flowctl.limits FROM PUBLIC;
GRANT SELECT ON flowctl.limits TO PUBLIC;

CREATE VIEW flowctl.limit_grants WITH (security_barrier) AS
    SELECT n.name AS limit_name, g.role::regrole AS role, g.granted_by, g.granted_at
    FROM flowctl_catalog.limit_grant g JOIN flowctl_catalog.named_limit n ON n.limit_id = g.limit_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR n.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR g.role::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m);
COMMENT ON VIEW flowctl.limit_grants IS
    'who may name limits that the current role owns, and what it has been granted itself';
COMMENT ON COLUMN flowctl.limit_grants.limit_name IS 'name of the limit';
COMMENT ON COLUMN flowctl.limit_grants.role IS 'the role; NULL if it does not exist (flowctl.unresolved)';
COMMENT ON COLUMN flowctl.limit_grants.granted_by IS 'the role that granted it';
COMMENT ON COLUMN flowctl.limit_grants.granted_at IS 'when it was granted';
REVOKE ALL ON flowctl.limit_grants FROM PUBLIC;
GRANT SELECT ON flowctl.limit_grants TO PUBLIC;

CREATE FUNCTION flowctl.create_limit(name text, slots int DEFAULT NULL, rate text DEFAULT NULL, burst int DEFAULT NULL,
                                     comment text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_create_limit';
COMMENT ON FUNCTION flowctl.create_limit(text, int, text, int, text) IS
    'makes a limit that several flows share by their option limits: at most `slots` open runs, at most `rate` (''100/min'') '
    'that begin, after a rest `burst` at once. It belongs to the current role. For authors';

CREATE FUNCTION flowctl.alter_limit(name text, slots int DEFAULT NULL, rate text DEFAULT NULL, burst int DEFAULT NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_alter_limit';
COMMENT ON FUNCTION flowctl.alter_limit(text, int, text, int) IS
    'gives a limit these slots, rate and burst; NULL removes one. Nothing that runs is stopped: new runs wait. For its owner';

CREATE FUNCTION flowctl.drop_limit(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_limit';
COMMENT ON FUNCTION flowctl.drop_limit(text) IS 'drops a limit; refused while flows name it. For its owner';

CREATE FUNCTION flowctl.grant_limit(name text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_grant_limit';
COMMENT ON FUNCTION flowctl.grant_limit(text, regrole) IS
    'allows a role, and roles that act for it, to name a limit in the options of their flows; for its owner';

CREATE FUNCTION flowctl.revoke_limit(name text, role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_revoke_limit';
COMMENT ON FUNCTION flowctl.revoke_limit(text, regrole) IS
    'takes back the right that flowctl.grant_limit gave; flows that name the limit keep it';

CREATE FUNCTION flowctl.pause_flow(name text, schedules text DEFAULT 'queue', reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_pause_flow';
COMMENT ON FUNCTION flowctl.pause_flow(text, text, text) IS
    'no run of the flow begins, and its open runs begin no call, until flowctl.resume_flow(); calls under way are '
    'finished. schedules: what becomes of the runs of schedules meanwhile: they wait as others do (queue) or are left '
    'out (drop). For who may operate the flow';

CREATE FUNCTION flowctl.resume_flow(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_resume_flow';
COMMENT ON FUNCTION flowctl.resume_flow(text) IS 'ends what flowctl.pause_flow() began';

CREATE FUNCTION flowctl.pause_endpoint(server text, reason text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_pause_endpoint';
COMMENT ON FUNCTION flowctl.pause_endpoint(text, text) IS
    'no call of the endpoint begins until flowctl.resume_endpoint(); calls under way are finished. For the owner of the '
    'foreign server';

CREATE FUNCTION flowctl.resume_endpoint(server text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_resume_endpoint';
COMMENT ON FUNCTION flowctl.resume_endpoint(text) IS 'ends what flowctl.pause_endpoint() began';

CREATE FUNCTION flowctl.set_quota(role regrole, open_runs bigint DEFAULT NULL, calls int DEFAULT NULL,
                                  stored_bytes bigint DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_set_quota';
COMMENT ON FUNCTION flowctl.set_quota(regrole, bigint, int, bigint) IS
    'the flows of the role have at most so many open runs and stored bytes, beyond which a start is refused, and so many '
    'calls under way, beyond which calls wait; NULL: no such quota. It takes the place of an earlier one. For superusers and the '
    'extension''s owner';

CREATE FUNCTION flowctl.drop_quota(role regrole) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_quota';
COMMENT ON FUNCTION flowctl.drop_quota(regrole) IS
    'removes what flowctl.set_quota() has set; for superusers and the extension''s owner';

REVOKE ALL ON FUNCTION
    flowctl.set_quota(regrole, bigint, int, bigint), flowctl.drop_quota(regrole),
    flowctl.create_limit(text, int, text, int, text), flowctl.alter_limit(text, int, text, int), flowctl.drop_limit(text),
    flowctl.grant_limit(text, regrole), flowctl.revoke_limit(text, regrole), flowctl.pause_flow(text, text, text),
    flowctl.resume_flow(text), flowctl.pause_endpoint(text, text), flowctl.resume_endpoint(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    flowctl.set_quota(regrole, bigint, int, bigint), flowctl.drop_quota(regrole),
    flowctl.create_limit(text, int, text, int, text), flowctl.alter_limit(text, int, text, int), flowctl.drop_limit(text),
    flowctl.grant_limit(text, regrole), flowctl.revoke_limit(text, regrole), flowctl.pause_flow(text, text, text),
    flowctl.resume_flow(text), flowctl.pause_endpoint(text, text), flowctl.resume_endpoint(text)
    TO PUBLIC;
