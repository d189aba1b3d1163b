-- Records of runs: redact, hold, release. Rows are written by hand, within transactions that are not committed, so that no worker sees
-- them. What happens over time and to the files: test/t/140_redact.pl, test/t/141_holds.pl.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_records_owner;
CREATE ROLE regress_records_member IN ROLE regress_records_owner;
CREATE ROLE regress_records_starter;
CREATE ROLE regress_records_invoker;
CREATE ROLE regress_records_auditor IN ROLE pg_read_all_data;
CREATE ROLE regress_records_other;
SET timezone = 'UTC';
SET datestyle = 'ISO';

INSERT INTO flowctl_catalog.flow (flow_id, name, owner, type, latest_version) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'pay', 'regress_records_owner', 'STANDARD', 1),
    ('00000000-0000-4000-8000-00000000000b', 'ship', 'regress_records_other', 'STANDARD', 1);
INSERT INTO flowctl_catalog.flow_version (flow_id, version, definition, author) VALUES
    ('00000000-0000-4000-8000-00000000000a', 1, '{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Declined"}}}', 'regress_records_owner'),
    ('00000000-0000-4000-8000-00000000000b', 1, '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}', 'regress_records_other');

-- 1 has succeeded, 2 is open, 3 failed with a map run of two children, 4 is another owner's, 5 is a map's parent with an open child
CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql AS $$ SELECT ('01900000-0000-7000-8000-00000000' || lpad(n::text, 4, '0'))::uuid $$;
CREATE PROCEDURE pg_temp.fill() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, name, status, input, output_ref, error, cause, started_at, ended_at,
        flow_owner, role, starter, session_user_name, subject, subject_issuer, subject_claims, subject_handle, asserted_subject, client_addr,
        application_name, start_xid, event, traceparent)
    SELECT pg_temp.id(n), ('00000000-0000-4000-8000-00000000000' || CASE n WHEN 4 THEN 'b' ELSE 'a' END)::uuid,
        CASE n WHEN 4 THEN 'ship' ELSE 'pay' END, 1, 'STANDARD', 'order-' || n, CASE WHEN n IN (3, 5) THEN 'FAILED' WHEN n = 2 THEN 'RUNNING' ELSE 'SUCCEEDED' END,
        '{"customer": "alice"}', CASE WHEN n IN (3, 5) THEN NULL ELSE 4 END, CASE WHEN n IN (3, 5) THEN 'Declined' END,
        CASE WHEN n IN (3, 5) THEN 'alice has no money' END, '2026-01-01 12:00:00', CASE WHEN n <> 2 THEN timestamptz '2026-01-01 12:00:05' END,
        CASE n WHEN 4 THEN 'regress_records_other' ELSE 'regress_records_owner' END::regrole, 'regress_records_invoker',
        'regress_records_starter', 'session', 'alice', 'https://idp.example', '{"email": "alice@example"}', gen_random_uuid(), 'alice?',
        '192.0.2.1', 'psql of alice', '900', '{"type": "flowctl.row.insert", "data": "alice"}', '00-ab-cd-01'
    FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.run_name SELECT flow_id, name, run_id FROM flowctl_catalog.run WHERE name IS NOT NULL;
    INSERT INTO flowctl_catalog.history_event
    SELECT pg_temp.id(n), e.* FROM generate_series(1, 5) n, (VALUES
        (1, 0, timestamptz '2026-01-01 12:00:00', 'ExecutionStarted', '{"roleArn":"arn:flowctl:x"}', 'input', NULL, 0, NULL, NULL, NULL::int, NULL::int),
        (2, 1, '2026-01-01 12:00:01', 'TaskStateEntered', '{"name":"A"}', 'input', NULL, 0, '', 'A', 1, NULL),
        (3, 2, '2026-01-01 12:00:01', 'TaskFailed', '{"resourceType":"http","resource":"call","error":"alice","cause":"no alice"}', NULL, NULL, NULL, '', 'A', 1, 1),
        (4, 3, '2026-01-01 12:00:02', 'TaskStateExited', '{"name":"A","assignedVariables":{"who":"\"alice\""}}', 'output', '{"to":"alice"}', NULL, '', 'A', 1, NULL),
        (5, 4, '2026-01-01 12:00:03', 'ExecutionFailed', '{"error":"Declined","cause":"alice has no money"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL)) e;
    INSERT INTO flowctl_catalog.call (run_id, call_id, sending, path, state, visit, attempt, endpoint, method, host, url_path, subject, actor,
        idempotency_key, request_hash, started_at, auth)
    SELECT pg_temp.id(n), 3, 1, '', 'A', 1, 1, 'bank', 'POST', 'bank.example', '/customers/alice', 'alice', 'alice''s bot', 'key', 'hash-of-alice', '2026-01-01', 'none'
    FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.call_outcome (run_id, call_id, sending, ended_at, duration, sends, http_status, error, subject, response_hash)
    SELECT pg_temp.id(n), 3, 1, '2026-01-01', '1 s', 1, 500, 'States.Http.StatusCode.500', 'alice', 'hash-of-alice' FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.token_revocation SELECT pg_temp.id(n), 'jti', '2026-01-01', false, 'no token of alice' FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.denial SELECT n, '2026-01-01', 'call', 'bank', 'regress_records_owner', NULL, 'alice', 'alice may not', pg_temp.id(n)
    FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.early_answer SELECT pg_temp.id(200 + n), pg_temp.id(n), '2026-01-01', 'somebody', '"alice"' FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.intervention SELECT pg_temp.id(n), '2026-01-01', 'stop', 'regress_records_owner', 'alice has left', 'done'
    FROM generate_series(1, 5) n;
    INSERT INTO flowctl_catalog.map_run (map_run_id, run_id, call_id, bucket, flow_id, flow, version, path, state, label, type, status,
        plan, source, max_concurrency, error, cause, started_at, children)
    SELECT pg_temp.id(100 + n), pg_temp.id(n), 7, 0, '00000000-0000-4000-8000-00000000000a', 'pay', 1, '', 'M', 'M', 'STANDARD', 'FAILED',
        '{"of": "alice"}', '["alice"]', 0, 'Declined', 'alice', '2026-01-01', 2
    FROM (VALUES (3), (5), (31)) m (n);
    INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, status, input, started_at, ended_at, flow_owner, role, starter,
        session_user_name, start_xid, parent_run_id, map_run_id, map_index, map_items)
    SELECT pg_temp.id(c.n), '00000000-0000-4000-8000-00000000000a', 'pay', 1, 'STANDARD', c.status, '"alice"', '2026-01-01', '2026-01-01',
        'regress_records_owner', 'regress_records_owner', 'regress_records_owner', 'session', '900', pg_temp.id(c.parent), pg_temp.id(100 + c.parent), c.index, 1
    FROM (VALUES (31, 'SUCCEEDED', 3, 0), (32, 'FAILED', 3, 1), (311, 'SUCCEEDED', 31, 0), (51, 'SUCCEEDED', 5, 0), (52, 'RUNNING', 5, 1)) c (n, status, parent, index);
    -- 6 has started a run of its own flow and one of another owner's
    INSERT INTO flowctl_catalog.run (run_id, flow_id, flow, version, type, status, input, started_at, ended_at, flow_owner, role, starter,
        session_user_name, start_xid, parent_run_id)
    SELECT pg_temp.id(c.n), ('00000000-0000-4000-8000-00000000000' || CASE c.flow WHEN 'ship' THEN 'b' ELSE 'a' END)::uuid, c.flow, 1, 'STANDARD',
        'SUCCEEDED', '"bob"', '2026-01-01', '2026-01-01', CASE c.flow WHEN 'ship' THEN 'regress_records_other' ELSE 'regress_records_owner' END::regrole,
        'regress_records_owner', 'regress_records_owner', 'session', '900', pg_temp.id(c.parent)
    FROM (VALUES (6, 'pay', NULL), (61, 'pay', 6), (62, 'ship', 6), (611, 'pay', 61)) c (n, flow, parent);
END $$;

-- ------------------------------------------------------------------------------------------------------------------ redact
BEGIN;
CALL pg_temp.fill();
-- a seal has made the salt of run 1
INSERT INTO flowctl_catalog.run_salt VALUES (pg_temp.id(1), decode(repeat('ab', 32), 'hex'));
SET LOCAL ROLE regress_records_member;
SELECT flowctl.redact(pg_temp.id(1), 'Art. 17');
SELECT flowctl.redact(pg_temp.id(1), 'again');
RESET ROLE;
-- the markers are the salted hashes of what stood there, the salt is gone, and the views show the markers
SELECT input = jsonb_build_object('redacted', encode(sha256(decode(repeat('ab', 32), 'hex') || '{"customer": "alice"}'), 'hex')) AS input,
       output = jsonb_build_object('redacted', encode(sha256(decode(repeat('ab', 32), 'hex') || '{"to":"alice"}'), 'hex')) AS output
FROM flowctl.runs WHERE run_id = pg_temp.id(1);
SELECT count(*) FROM flowctl_catalog.run_salt;
SELECT flow, version, name LIKE '{"redacted": "%"}' AS name, status, error, cause, role, starter, session_user_name, length(subject) AS subject, subject_issuer,
       length(asserted_subject) AS asserted, client_addr, length(application_name) AS application, length(event ->> 'redacted') AS event,
       length(subject_claims ->> 'redacted') AS claims, traceparent, redacted_at IS NOT NULL AS redacted
FROM flowctl.runs WHERE run_id = pg_temp.id(1);
SELECT event_id, type, regexp_replace(details::text, '[0-9a-f]{64}', '<hash>', 'g') AS details FROM flowctl.history WHERE run_id = pg_temp.id(1) ORDER BY 1;
SELECT state, status, regexp_replace(input::text, '[0-9a-f]{64}', '<hash>') AS input, regexp_replace(output::text, '[0-9a-f]{64}', '<hash>') AS output,
       regexp_replace(error, '[0-9a-f]{64}', '<hash>') AS error,
       regexp_replace(cause, '[0-9a-f]{64}', '<hash>') AS cause FROM flowctl.steps WHERE run_id = pg_temp.id(1);
SELECT endpoint, host, length(url_path) AS url_path, length(subject) AS subject, length(actor) AS actor, idempotency_key, http_status, error,
       length(request_hash) AS request, length(response_hash) AS response FROM flowctl.calls WHERE run_id = pg_temp.id(1);
-- nothing of the person is left, and the others' rows are as they were
CREATE FUNCTION pg_temp.rows_with_alice() RETURNS TABLE (relation text, runs text) LANGUAGE plpgsql AS $$
DECLARE t regclass;
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'run_id'
             WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname COLLATE "C"
    LOOP
        relation := t;
        EXECUTE format($f$SELECT string_agg(DISTINCT ltrim(right(run_id::text, 4), '0'), ' ') FROM %s t WHERE t::text LIKE '%%alice%%'$f$, t) INTO runs;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM pg_temp.rows_with_alice() WHERE runs IS NOT NULL;
SELECT run_id = pg_temp.id(1) AS run, flow, redacted_by, redacted_at IS NOT NULL AS at, reason, runs FROM flowctl.redactions;

-- with the children of its map runs and their children
SELECT flowctl.redact(pg_temp.id(3), 'Art. 17');
SELECT run_id = pg_temp.id(3) AS run, redacted_by = current_user AS by, runs FROM flowctl.redactions WHERE reason = 'Art. 17' AND runs > 1;
SELECT * FROM pg_temp.rows_with_alice() WHERE runs IS NOT NULL;
SELECT status, error, regexp_replace(cause, '[0-9a-f]{64}', '<hash>') AS cause, items FROM flowctl.map_runs WHERE run_id = pg_temp.id(3);
-- a hash does not tell which payloads were the same: each run has a salt of its own
SELECT count(DISTINCT input) FROM flowctl.runs WHERE parent_run_id = pg_temp.id(3);
-- the name is free again
SELECT count(*) FROM flowctl_catalog.run_name WHERE name IN ('order-1', 'order-3');

-- what stays as it is, with the reason
SELECT flowctl.redact(pg_temp.id(2), 'open');
SELECT flowctl.redact(pg_temp.id(5), 'a child is open');
SELECT flowctl.redact(run_id, 'in bulk') FROM flowctl.runs WHERE run_id < pg_temp.id(6) ORDER BY run_id;
SELECT count(*) FROM flowctl.redactions;
-- who sees which record
SET LOCAL ROLE regress_records_auditor;
SELECT count(*) FROM flowctl.redactions;
SET LOCAL ROLE regress_records_member;
SELECT count(*) FROM flowctl.redactions;
SET LOCAL ROLE regress_records_starter;
SELECT count(*) FROM flowctl.redactions;
ROLLBACK;

-- whose business it is: not the starter's, the run's role's, or that of whoever reads everything
CREATE PROCEDURE pg_temp.try(command text, VARIADIC roles text[]) LANGUAGE plpgsql AS $$
DECLARE who text; answer text; hint text;
BEGIN
    FOREACH who IN ARRAY roles LOOP
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', who);
            EXECUTE command INTO answer;
            RAISE NOTICE '%: %', who, answer;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
            RAISE NOTICE '%: % % (%)', who, SQLSTATE, SQLERRM, hint;
        END;
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO PUBLIC;
BEGIN;
CALL pg_temp.fill();
CALL pg_temp.try($$SELECT flowctl.redact('01900000-0000-7000-8000-000000000001', 'x')$$,
    'regress_records_starter', 'regress_records_invoker', 'regress_records_auditor', 'regress_records_other');
CALL pg_temp.try($$SELECT flowctl.hold('01900000-0000-7000-8000-000000000001'::uuid, 'x')$$,
    'regress_records_starter', 'regress_records_invoker', 'regress_records_auditor', 'regress_records_other');
CALL pg_temp.try($$SELECT flowctl.release('01900000-0000-7000-8000-000000000001'::uuid)$$,
    'regress_records_starter', 'regress_records_invoker', 'regress_records_auditor', 'regress_records_other');
CALL pg_temp.try($$SELECT flowctl.hold('pay', 'x')$$, 'regress_records_starter', 'regress_records_auditor', 'regress_records_other');
CALL pg_temp.try($$SELECT flowctl.hold('nothing', 'x')$$, 'regress_records_starter', 'regress_records_auditor');
CALL pg_temp.try($$SELECT flowctl.release('pay')$$, 'regress_records_starter', 'regress_records_auditor', 'regress_records_other');

-- ------------------------------------------------------------------------------------------------------------------ holds
SET LOCAL ROLE regress_records_member;
SELECT flowctl.hold(pg_temp.id(1), 'case 7');
SELECT flowctl.hold(pg_temp.id(1), 'case 8');
SELECT flowctl.redact(pg_temp.id(1), 'Art. 17');
-- a literal of a run's id is text
SELECT flowctl.hold('01900000-0000-7000-8000-000000000003', 'case 9');
SELECT flowctl.redact(pg_temp.id(3), 'Art. 17');
-- a child is held with its parent, and the parent cannot be redacted without its child
SELECT flowctl.redact(pg_temp.id(311), 'Art. 17');
SELECT flowctl.release('01900000-0000-7000-8000-000000000003', 'case 9 is closed');
SELECT flowctl.hold(pg_temp.id(311), 'case 10');
SELECT flowctl.redact(pg_temp.id(3), 'Art. 17');
SELECT flowctl.release(pg_temp.id(3));
SELECT kind, run_id, flow, reason, held_by, held_at IS NOT NULL AS at FROM flowctl.holds ORDER BY run_id;
RESET ROLE;
SELECT kind, run_id, reason, released_by, released_at IS NOT NULL AS at, release_reason FROM flowctl_catalog.hold, LATERAL (SELECT 'run') k (kind) ORDER BY run_id;
-- a flow
SET LOCAL ROLE regress_records_member;
SELECT flowctl.hold('pay', 'case 11');
SELECT flowctl.hold('pay', 'case 12');
SELECT flowctl.redact(pg_temp.id(3), 'Art. 17');
SELECT flowctl.release(pg_temp.id(3));
SELECT kind, run_id, flow, reason FROM flowctl.holds WHERE kind = 'flow';
SAVEPOINT s;
SELECT flowctl.drop_flow('pay');
ROLLBACK TO s;
SELECT flowctl.release('pay', '');
ROLLBACK TO s;
SELECT flowctl.release('pay', 'case 11 is closed');
SELECT flowctl.release('pay');
SELECT flowctl.release(pg_temp.id(311)), flowctl.release(pg_temp.id(1));
SELECT flowctl.redact(pg_temp.id(1), 'Art. 17'), flowctl.redact(pg_temp.id(3), 'Art. 17');
-- what a superuser holds, only superusers release
RESET ROLE;
SELECT flowctl.hold(pg_temp.id(4), 'court'), flowctl.hold('ship', 'court');
SET LOCAL ROLE regress_records_other;
SELECT flowctl.release(pg_temp.id(4)), flowctl.release('ship');
SELECT kind, flow, reason FROM flowctl.holds ORDER BY 1;
SET LOCAL ROLE regress_records_auditor;
SELECT kind, flow, reason FROM flowctl.holds ORDER BY 1;
SET LOCAL ROLE regress_records_member;
SELECT kind, flow, reason FROM flowctl.holds ORDER BY 1;
RESET ROLE;
SELECT flowctl.release(pg_temp.id(4)), flowctl.release('ship');
SELECT count(*) FROM flowctl.holds;
ROLLBACK;

-- child flows: one's own go with the run that has started them, others' are left to their owners
BEGIN;
CALL pg_temp.fill();
SAVEPOINT s;
SET LOCAL ROLE regress_records_member;
SELECT flowctl.redact(pg_temp.id(6), 'Art. 17');
SELECT run_id, redacted_at IS NOT NULL AS redacted FROM flowctl.runs WHERE input = '"bob"' OR run_id IN (pg_temp.id(6), pg_temp.id(61), pg_temp.id(611)) ORDER BY 1;
SELECT runs FROM flowctl.redactions WHERE run_id = pg_temp.id(6);
ROLLBACK TO s;
SELECT flowctl.redact(pg_temp.id(6), 'by a superuser');
SELECT runs FROM flowctl.redactions WHERE run_id = pg_temp.id(6);
ROLLBACK TO s;
SELECT flowctl.hold(pg_temp.id(6), 'case 20'), flowctl.redact(pg_temp.id(611), 'a child of a child');
SELECT flowctl.release(pg_temp.id(6)), flowctl.hold('ship', 'case 21');
SELECT flowctl.redact(pg_temp.id(6), 'with a run of a held flow');
UPDATE flowctl_catalog.run SET status = 'RUNNING' WHERE run_id = pg_temp.id(611);
SELECT flowctl.release('ship'), flowctl.redact(pg_temp.id(6), 'with an open child');
ROLLBACK;

-- a person's runs
BEGIN;
SET LOCAL ROLE regress_records_member;
SELECT flowctl.alter_flow('pay', '{"subject_key": "$.customer.id"}');
SELECT flowctl.grant_start('pay', 'regress_records_starter');
SELECT flowctl.start('pay', '{"customer": {"id": 4711}}', 'one') IS NOT NULL AS started;
SELECT flowctl.start('pay', '{"customer": {"id": "4711"}}', 'two') IS NOT NULL AS started;
SELECT flowctl.start('pay', '{"customer": {"id": "42"}}', 'three') IS NOT NULL AS started;
SELECT flowctl.start('pay', '{"other": 1}', 'four') IS NOT NULL AS started;
SET LOCAL ROLE regress_records_starter;
SELECT flowctl.start('pay', '{"customer": {"id": 4711}}', 'five') IS NOT NULL AS started;
SELECT count(*) FROM flowctl.runs_of_subject('4711');
SET LOCAL ROLE regress_records_other;
SELECT count(*) FROM flowctl.runs_of_subject('4711');
SET LOCAL ROLE regress_records_auditor;
SELECT count(*) FROM flowctl.runs_of_subject('4711');
SET LOCAL ROLE regress_records_member;
SELECT r.name, r.attributes FROM flowctl.runs_of_subject('4711') s JOIN flowctl.runs r USING (run_id) ORDER BY 1;
SELECT count(*) FROM flowctl.runs_of_subject('nobody');
SELECT count(*) FROM flowctl.runs_of_subject(NULL);
-- it is an option of the flow, and changes need no new version
SELECT flowctl.alter_flow('pay', '{"subject_key": null}');
SELECT flowctl.start('pay', '{"customer": {"id": 4711}}', 'six') IS NOT NULL AS started;
SELECT count(*) FROM flowctl.runs_of_subject('4711');
SAVEPOINT s;
SELECT flowctl.alter_flow('pay', '{"subject_key": 7}');
ROLLBACK TO s;
SELECT flowctl.alter_flow('pay', '{"subject_key": "$.["}');
ROLLBACK TO s;
SELECT flowctl.alter_flow('pay', '{"attributes": {"$subject": "$.x"}}');
ROLLBACK;

-- what cannot be asked for
SELECT flowctl.redact(NULL, 'x');
SELECT flowctl.redact(gen_random_uuid(), NULL);
SELECT flowctl.redact(gen_random_uuid(), '  ');
SELECT flowctl.redact(gen_random_uuid(), repeat('x', 4097));
SELECT flowctl.redact('01900000-0000-7000-8000-000000000001', 'x');
SELECT flowctl.hold(NULL::uuid, 'x');
SELECT flowctl.hold(NULL::text, 'x');
SELECT flowctl.hold('pay', NULL);
SELECT flowctl.hold('01900000-0000-7000-8000-000000000001', 'x');
SELECT flowctl.hold('01900000-0000-7000-8000-00000000000-', 'x');
SELECT flowctl.hold('nothing', 'x');
SELECT flowctl.release(NULL::uuid);
SELECT flowctl.release('nothing');
SELECT flowctl_catalog.redacted(gen_random_uuid(), 'x');
BEGIN READ ONLY;
SELECT flowctl.redact('01900000-0000-7000-8000-000000000001', 'x');
ROLLBACK;
BEGIN READ ONLY;
SELECT flowctl.hold('pay', 'x');
ROLLBACK;

-- ANALYZE copies no payload into the statistics, neither of the first leaf nor of later ones
SELECT flowctl.make_partition('2000-01-01 00:00+00', '2000-02-01 00:00+00');
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) AS without_statistics
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND a.attstattarget = 0
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind = 'r' AND c.relname ~ '(_default|_20000101_0000)$'
GROUP BY 1 ORDER BY c.relname COLLATE "C";

SELECT flowctl.drop_flow('pay'), flowctl.drop_flow('ship');
DROP EXTENSION pg_flowctl CASCADE;
DROP ROLE regress_records_owner, regress_records_member, regress_records_starter, regress_records_invoker, regress_records_auditor, regress_records_other;
