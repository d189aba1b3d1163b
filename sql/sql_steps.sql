-- Functions of the database as steps: arguments, results, errors, who executes them, and what they leave behind.
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_sql_app;
CREATE ROLE regress_sql_other;
CREATE ROLE regress_sql_root SUPERUSER;
SELECT flowctl.grant_author('regress_sql_app'), flowctl.grant_author('regress_sql_root');
CREATE SCHEMA regress_sql AUTHORIZATION regress_sql_app;
CREATE SCHEMA regress_far;
-- A flow of one step, started and waited for. The end of its run: the output, or the error and its cause.
CREATE PROCEDURE regress_call(function text, input jsonb DEFAULT '{}', INOUT ended text DEFAULT NULL, task jsonb DEFAULT '{}', type text DEFAULT 'STANDARD')
LANGUAGE plpgsql AS $$
DECLARE
    run uuid;
    status text;
BEGIN
    PERFORM flowctl.define_flow('call', json_build_object('StartAt', 'S', 'States', json_build_object('S',
        jsonb_build_object('Type', 'Task', 'Resource', 'flowctl:sql:' || function, 'End', true) || task)), type);
    run := flowctl.start('call', input);
    CALL flowctl.wait_for(run, '1 min', status);
    SELECT concat_ws(' ', nullif(r.status, 'SUCCEEDED'), r.error, coalesce(r.cause, r.output::text)) INTO ended FROM flowctl.runs r WHERE r.run_id = run;
END $$;
GRANT USAGE ON SCHEMA public TO PUBLIC;
\a
\t
SET SESSION AUTHORIZATION regress_sql_app;

-- arguments: the whole input, or its members by name
CREATE FUNCTION regress_sql.whole(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT jsonb_build_object(''got'', $1)';
CREATE FUNCTION regress_sql.whole_json(input json) RETURNS json LANGUAGE sql AS 'SELECT input';
CALL regress_call('regress_sql.whole', '{"a": [1, 1.50, null]}');
CALL regress_call('regress_sql.whole', '"text"');
CALL regress_call('regress_sql.whole_json', '{"b": 1, "a": 2.0}');
CALL regress_call('Regress_SQL.Whole', '1');
CREATE DOMAIN regress_sql.positive AS int CHECK (value > 0);
CREATE TYPE regress_sql.pair AS (x int, y text);
CREATE TYPE regress_sql.mood AS ENUM ('good', 'bad');
CREATE FUNCTION regress_sql.named(id bigint, amount numeric(10, 2) DEFAULT 1.5, "Tag" text DEFAULT 'none', pairs regress_sql.pair[] DEFAULT NULL,
    mood regress_sql.mood DEFAULT 'good', at timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS
    $$ SELECT concat_ws('|', id, amount, "Tag", pairs, mood, at AT TIME ZONE 'UTC') $$;
CALL regress_call('regress_sql.named', '{"id": 12345678901234567890123}');
CALL regress_call('regress_sql.named', '{"id": 7}');
CALL regress_call('regress_sql.named', '{"id": "7", "amount": 2, "Tag": "x", "pairs": [{"x": 1, "y": "z"}], "mood": "bad", "at": "2026-01-02T03:04:05+01"}');
CALL regress_call('regress_sql.named', '{"id": null}');
CALL regress_call('regress_sql.named', '{"amount": 1}');
CALL regress_call('regress_sql.named', '{"id": 1, "tag": "folded"}');
CALL regress_call('regress_sql.named', '{"id": 1, "mood": "worse"}');
CALL regress_call('regress_sql.named', '[1]');
CREATE FUNCTION regress_sql.checked(n regress_sql.positive) RETURNS int LANGUAGE sql AS 'SELECT n + 0';
CALL regress_call('regress_sql.checked', '{"n": 1}');
CALL regress_call('regress_sql.checked', '{"n": -1}');
CREATE FUNCTION regress_sql.sum(VARIADIC n int[]) RETURNS bigint LANGUAGE sql AS 'SELECT sum(x) FROM unnest(n) x';
CALL regress_call('regress_sql.sum', '{"n": [1, 2, 3]}');
CREATE FUNCTION regress_sql.twice(INOUT n int, OUT double int) LANGUAGE sql AS 'SELECT n, 2 * n';
CALL regress_call('regress_sql.twice', '{"n": 4}');
-- of several functions the one whose parameters fit
CREATE FUNCTION regress_sql.over(a int) RETURNS text LANGUAGE sql AS $$ SELECT 'one' $$;
CREATE FUNCTION regress_sql.over(a int, b int) RETURNS text LANGUAGE sql AS $$ SELECT 'two' $$;
CREATE FUNCTION regress_sql.over(a text) RETURNS text LANGUAGE sql AS $$ SELECT 'text' $$;
CALL regress_call('regress_sql.over', '{"a": 1, "b": 2}');
CALL regress_call('regress_sql.over', '{"a": 1}');

-- results
CREATE FUNCTION regress_sql.nothing() RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION regress_sql.null_int() RETURNS int LANGUAGE sql AS 'SELECT NULL::int';
CREATE FUNCTION regress_sql.null_json() RETURNS json LANGUAGE sql AS 'SELECT NULL::json';
CREATE FUNCTION regress_sql.a_pair() RETURNS regress_sql.pair LANGUAGE sql AS $$ SELECT 1, 'one' $$;
CREATE FUNCTION regress_sql.ints(n int) RETURNS SETOF int LANGUAGE sql AS 'SELECT generate_series(1, n)';
CREATE FUNCTION regress_sql.a_table(n int) RETURNS TABLE (i int, t text) LANGUAGE sql AS 'SELECT i, i::text FROM generate_series(1, n) i';
CREATE FUNCTION regress_sql.a_column(n int) RETURNS TABLE (i int) LANGUAGE sql AS 'SELECT generate_series(1, n)';
CREATE FUNCTION regress_sql.pairs() RETURNS SETOF regress_sql.pair LANGUAGE sql AS $$ VALUES (1, 'a'), (NULL, NULL) $$;
CREATE FUNCTION regress_sql.jsons() RETURNS SETOF jsonb LANGUAGE sql AS $$ VALUES ('{"a": 1}'::jsonb), ('null'), (NULL) $$;
CREATE FUNCTION regress_sql.times() RETURNS timestamptz[] LANGUAGE sql AS $$ SELECT ARRAY['2026-01-02 03:04:05+00'::timestamptz] $$;
CALL regress_call('regress_sql.nothing');
CALL regress_call('regress_sql.null_int');
CALL regress_call('regress_sql.null_json');
CALL regress_call('regress_sql.a_pair');
CALL regress_call('regress_sql.ints', '{"n": 3}');
CALL regress_call('regress_sql.ints', '{"n": 0}');
CALL regress_call('regress_sql.a_table', '{"n": 2}');
CALL regress_call('regress_sql.a_column', '{"n": 2}');
CALL regress_call('regress_sql.pairs');
CALL regress_call('regress_sql.jsons');
CALL regress_call('regress_sql.times');
CREATE FUNCTION regress_sql.huge() RETURNS text LANGUAGE sql AS $$ SELECT repeat('x', 300000) $$;
CALL regress_call('regress_sql.huge');
CREATE FUNCTION regress_sql.odd() RETURNS json LANGUAGE sql AS $$ SELECT '{"a": "\u0000"}'::json $$;
CALL regress_call('regress_sql.odd');

-- errors
CREATE TABLE regress_sql.orders (id int CONSTRAINT one_of_each PRIMARY KEY, note text);
CREATE FUNCTION regress_sql.put(id int) RETURNS void LANGUAGE sql AS 'INSERT INTO regress_sql.orders VALUES (id)';
CREATE FUNCTION regress_sql.fail(code text) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO regress_sql.orders VALUES (99); RAISE EXCEPTION 'no % today', code USING errcode = code, detail = 'd', hint = 'h'; END $$;
CALL regress_call('regress_sql.put', '{"id": 1}');
CALL regress_call('regress_sql.put', '{"id": 1}');
CALL regress_call('regress_sql.fail', '{"code": "40001"}');
CALL regress_call('regress_sql.fail', '{"code": "P0001"}');
CALL regress_call('regress_sql.put', '{"id": 1}', NULL, '{"Retry": [{"ErrorEquals": ["SQL.23505"], "IntervalSeconds": 1, "MaxAttempts": 1}]}');
SELECT type, count(*) FROM flowctl.history JOIN flowctl.runs USING (run_id)
    WHERE flow = 'call' AND run_id = (SELECT run_id FROM flowctl.runs ORDER BY started_at DESC LIMIT 1) GROUP BY 1 ORDER BY 1;
SELECT id FROM regress_sql.orders;

-- deferred triggers and constraints belong to the step
CREATE TABLE regress_sql.noted (what text);
CREATE FUNCTION regress_sql.note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO regress_sql.noted VALUES (concat_ws(' ', TG_OP, NEW.id, session_user, current_user, current_setting('is_superuser'), (flowctl.current_run()).state)); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER note AFTER INSERT ON regress_sql.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION regress_sql.note();
CALL regress_call('regress_sql.put', '{"id": 2}');
SELECT * FROM regress_sql.noted;
CREATE TABLE regress_sql.child (id int REFERENCES regress_sql.orders DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION regress_sql.orphan() RETURNS int LANGUAGE sql AS 'INSERT INTO regress_sql.child VALUES (4711) RETURNING id';
CALL regress_call('regress_sql.orphan');
SELECT count(*) FROM regress_sql.child;

-- who executes it, for which run, where it looks
CREATE FUNCTION regress_sql.who() RETURNS json LANGUAGE plpgsql AS $$ BEGIN
    RETURN json_build_object('session', session_user, 'current', current_user, 'super', current_setting('is_superuser'), 'path', current_setting('search_path'),
        'claims', current_setting('request.jwt.claims'), 'timeout', current_setting('statement_timeout'),
        'activity', (SELECT usesysid::regrole::text || ' ' || backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()));
END $$;
CALL regress_call('regress_sql.who');
CREATE FUNCTION regress_sql.run() RETURNS json LANGUAGE sql AS $$
    SELECT json_build_object('run', (SELECT flow FROM flowctl.runs r WHERE r.run_id = c.run_id), 'flow', flow, 'version', version > 0, 'state', state,
        'role', role, 'starter', starter, 'subject', subject, 'claims', subject_claims) FROM flowctl.current_run() c $$;
CALL regress_call('regress_sql.run');
SELECT flowctl.grant_start('call', 'regress_sql_other');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_sql_other;
SELECT flowctl.start('call') AS run \gset
SELECT flowctl.wait(:'run');
RESET SESSION AUTHORIZATION;
SELECT output FROM flowctl.runs WHERE run_id = :'run';
SELECT * FROM flowctl.current_run();
SELECT (flowctl.current_run()).run_id IS NULL;
SET SESSION AUTHORIZATION regress_sql_app;

-- nothing leads to another role, and nothing that a step leaves is there for the next one
CREATE FUNCTION regress_sql.does(command text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE command; RETURN concat_ws(' ', session_user, current_user, current_setting('is_superuser')); END $$;
CALL regress_call('regress_sql.does', '{"command": "RESET ROLE"}');
CALL regress_call('regress_sql.does', '{"command": "SET ROLE regress_sql_root"}');
CALL regress_call('regress_sql.does', '{"command": "RESET SESSION AUTHORIZATION"}');
CALL regress_call('regress_sql.does', '{"command": "SET SESSION AUTHORIZATION DEFAULT"}');
CALL regress_call('regress_sql.does', '{"command": "SET SESSION AUTHORIZATION regress_sql_root"}');
CALL regress_call('regress_sql.does', '{"command": "SELECT set_config(''session_authorization'', ''regress_sql_root'', true)"}');
CALL regress_call('regress_sql.does', '{"command": "RESET ALL"}');
CALL regress_call('regress_sql.does', '{"command": "DISCARD ALL"}');
CALL regress_call('regress_sql.does', '{"command": "SET SESSION search_path = regress_far"}');
CALL regress_call('regress_sql.does', '{"command": "SET SESSION request.jwt.claims = ''{\"sub\": \"forged\"}''"}');
CALL regress_call('regress_sql.does', '{"command": "ALTER ROLE regress_sql_app SET search_path = regress_far"}');
CALL regress_call('regress_sql.does', '{"command": "ALTER ROLE regress_sql_app SET statement_timeout = 1"}');
CALL regress_call('regress_sql.who');
CALL regress_call('regress_sql.does', '{"command": "CREATE TEMP TABLE kept AS SELECT 1 AS kept; INSERT INTO kept VALUES (2)"}');
CALL regress_call('regress_sql.does', '{"command": "PREPARE kept AS SELECT 1"}');
CALL regress_call('regress_sql.does', '{"command": "DECLARE kept CURSOR WITH HOLD FOR SELECT session_user, current_setting(''is_superuser'')"}');
CALL regress_call('regress_sql.does', '{"command": "SELECT pg_advisory_lock(4711)"}');
CALL regress_call('regress_sql.does', '{"command": "LISTEN kept"}');
CREATE FUNCTION regress_sql.left_behind() RETURNS json LANGUAGE sql AS $$
    SELECT json_build_object('tables', (SELECT count(*) FROM pg_class WHERE relname = 'kept'), 'prepared', (SELECT count(*) FROM pg_prepared_statements),
        'cursors', (SELECT count(*) FROM pg_cursors WHERE name = 'kept'), 'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711)) $$;
CALL regress_call('regress_sql.left_behind');
-- what a function changes for itself holds to its end
CREATE FUNCTION regress_sql.own_path() RETURNS text LANGUAGE sql SET search_path = regress_far AS $$ SELECT current_setting('search_path') $$;
CALL regress_call('regress_sql.own_path');

-- it does not wait for runs
CREATE FUNCTION regress_sql.waits(run uuid) RETURNS text LANGUAGE sql AS 'SELECT flowctl.wait(run)';
CALL regress_call('regress_sql.waits', '{"run": "00000000-0000-7000-8000-000000000000"}');
-- it may start runs
CREATE FUNCTION regress_sql.starts() RETURNS text LANGUAGE sql AS $$ SELECT (flowctl.start('call', '{}', 'from-a-step') IS NOT NULL)::text $$;
CALL regress_call('regress_sql.starts', '{}', NULL, '{"Comment": "once"}');
SELECT count(*) FROM flowctl.runs WHERE name = 'from-a-step';
-- in a circle, until it is too deep
CREATE FUNCTION regress_sql.circle(n int) RETURNS void LANGUAGE sql AS $$ SELECT flowctl.start('circle', jsonb_build_object('n', n + 1)) $$;
SELECT flowctl.define_flow('circle', '{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:regress_sql.circle", "TimeoutSeconds": 99999999, "End": true}}}');
SELECT flowctl.start('circle', '{"n": 1}') IS NOT NULL;
DO $$ BEGIN FOR i IN 1 .. 1200 LOOP EXIT WHEN EXISTS (SELECT FROM flowctl.runs WHERE flow = 'circle' AND status = 'FAILED'); COMMIT; PERFORM pg_sleep(0.05); END LOOP; END $$;
SELECT count(*), max((input->>'n')::int), max(error), max(cause) FROM flowctl.runs WHERE flow = 'circle';

-- EXPRESS
CALL flowctl.start_sync('call', '{}', NULL);
SELECT flowctl.define_flow('quick', '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "flowctl:sql:regress_sql.ints", "Next": "B"},
    "B": {"Type": "Task", "Resource": "flowctl:sql:regress_sql.whole", "End": true}}}', 'EXPRESS');
CALL flowctl.start_sync('quick', '{"n": 2}', NULL);
-- branches at once
SELECT flowctl.define_flow('many', '{"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States":
    {"A": {"Type": "Task", "Resource": "flowctl:sql:regress_sql.checked", "End": true}}}, "End": true}}}');
CALL flowctl.start_sync('many', '[{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}, {"n": 5}]', NULL);

-- what define_flow refuses
\set SHOW_CONTEXT never
CREATE FUNCTION regress_sql.unnamed(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_sql.any(a anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION regress_sql.rec() RETURNS record LANGUAGE sql AS 'SELECT 1, 2';
CREATE PROCEDURE regress_sql.proc(a int) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE regress_sql.agg(int) (sfunc = int4pl, stype = int);
CALL regress_call('regress_sql.absent');
CALL regress_call('whole');
CALL regress_call('a.b.c');
CALL regress_call('"regress_sql.whole');
CALL regress_call('regress_sql.unnamed');
CALL regress_call('regress_sql.any');
CALL regress_call('regress_sql.rec');
CALL regress_call('regress_sql.proc');
CALL regress_call('regress_sql.agg');
CALL regress_call('pg_catalog.rank');
CALL regress_call('regress_sql.note');
CALL regress_call('regress_sql.named', '{}', NULL, '{"Parameters": {"id": 1, "nonsense": 2}}');
CALL regress_call('regress_sql.named', '{}', NULL, '{"Parameters": {"amount.$": "$.a"}}');
CALL regress_call('regress_sql.named', '{"a": 5}', NULL, '{"Parameters": {"id.$": "$.a"}}');
CALL regress_call('regress_sql.named', '{"a": 5}', NULL, '{"QueryLanguage": "JSONata", "Arguments": {"id": "{% $states.input.a %}", "amount": 1}}');
-- rights
RESET SESSION AUTHORIZATION;
CREATE FUNCTION regress_far.secret() RETURNS int LANGUAGE sql AS 'SELECT 42';
REVOKE ALL ON FUNCTION regress_far.secret() FROM PUBLIC;
SET SESSION AUTHORIZATION regress_sql_app;
CALL regress_call('regress_far.secret');
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA regress_far TO regress_sql_app;
SET SESSION AUTHORIZATION regress_sql_app;
CALL regress_call('regress_far.secret');
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION regress_far.secret() TO regress_sql_app;
SET SESSION AUTHORIZATION regress_sql_app;
CALL regress_call('regress_far.secret');
RESET SESSION AUTHORIZATION;
REVOKE EXECUTE ON FUNCTION regress_far.secret() FROM regress_sql_app;
SET SESSION AUTHORIZATION regress_sql_app;
SELECT flowctl.start('call') AS run \gset
SELECT flowctl.wait(:'run');
SELECT error, cause FROM flowctl.runs WHERE run_id = :'run';
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION regress_far.secret() TO regress_sql_app;
REVOKE USAGE ON SCHEMA regress_far FROM regress_sql_app;
SET SESSION AUTHORIZATION regress_sql_app;
SELECT flowctl.start('call') AS run \gset
SELECT flowctl.wait(:'run');
SELECT error, cause FROM flowctl.runs WHERE run_id = :'run';
-- a function that goes, and comes again
CALL regress_call('regress_sql.checked', '{"n": 3}');
DROP FUNCTION regress_sql.checked;
SELECT flowctl.start('call', '{"n": 3}') AS run \gset
SELECT flowctl.wait(:'run');
SELECT error, cause FROM flowctl.runs WHERE run_id = :'run';
CREATE FUNCTION regress_sql.checked(n text) RETURNS text LANGUAGE sql AS $$ SELECT n || '!' $$;
SELECT flowctl.start('call', '{"n": 3}') AS run \gset
SELECT flowctl.wait(:'run');
SELECT output FROM flowctl.runs WHERE run_id = :'run';
-- a superuser's flow executes nothing unless he says so
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION regress_sql_root;
CREATE FUNCTION regress_far.root() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('is_superuser') $$;
SELECT flowctl.define_flow('root', '{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:regress_far.root", "End": true}}}');
SELECT flowctl.start('root') AS run \gset
SELECT flowctl.wait(:'run');
SELECT error, cause FROM flowctl.runs WHERE run_id = :'run';
SELECT flowctl.define_flow('root', '{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:regress_far.root", "End": true}}}', options => '{"run_as_superuser": true}');
CALL flowctl.start_sync('root', '{}', NULL);
RESET SESSION AUTHORIZATION;

-- validate knows the resource, and a state can be tried with a mock
SELECT severity, code FROM flowctl.validate('{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:a.b", "End": true}}}');
SELECT severity, code, message FROM flowctl.validate('{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:", "End": true}}}');
SELECT flowctl.test_state('{"Type": "Task", "Resource": "flowctl:sql:a.b", "Parameters": {"x.$": "$.y"}, "End": true}', '{"y": 1}', mock => '{"result": "{\"ok\": true}"}');

-- nothing is left
SELECT count(*) FROM flowctl_catalog.sql_order;
DROP EXTENSION pg_flowctl CASCADE;
DROP PROCEDURE regress_call;
SET client_min_messages = error;
DROP SCHEMA regress_sql, regress_far CASCADE;
DROP ROLE regress_sql_app, regress_sql_other, regress_sql_root;
