-- events: emit, ingest, what they refuse, and who sees what; rules, their filters and inputs, and what goes wrong in them
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_events_owner;
CREATE ROLE regress_events_app;
CREATE ROLE regress_events_other;
SELECT flowctl.grant_author('regress_events_owner');
GRANT EXECUTE ON FUNCTION flowctl.emit(text, jsonb, text, text), flowctl.ingest(jsonb) TO regress_events_app, regress_events_owner;
\set pass '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}'
CREATE FUNCTION pg_temp.wait_until(condition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE holds boolean;
BEGIN
    FOR i IN 1..1500 LOOP
        EXECUTE 'SELECT ' || condition INTO holds;
        IF holds THEN RETURN; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE 'waited for %', condition;
END $$;

-- emitting is nobody's right who was not given it
SET ROLE regress_events_other;
SELECT flowctl.emit('order.paid', '{}');
SELECT flowctl.ingest('{}');
SET ROLE regress_events_app;
SELECT flowctl.emit('order.paid', '{"total": 12}', 'orders/7') IS NOT NULL AS emitted;
SELECT type, replace(source, current_database(), 'db') AS source, id = event_id::text AS own_id, subject, data, depth, run_id, emitter, session_user_name = session_user AS session
FROM flowctl.events;
-- the same id is the same event, for one role
SELECT flowctl.emit('order.paid', '{"total": 1}', id => 'a') AS first \gset
SELECT flowctl.emit('order.paid', '{"total": 2}', id => 'a') = :'first' AS same;
SET ROLE regress_events_owner;
SELECT flowctl.emit('order.paid', '{"total": 3}', id => 'a') = :'first' AS same;
SET ROLE regress_events_app;
SELECT count(*), min(data ->> 'total') AS least FROM flowctl.events WHERE id = 'a';
-- what is refused
SELECT flowctl.emit(NULL);
SELECT flowctl.emit('', '{}');
SELECT flowctl.emit('no spaces', '{}');
SELECT flowctl.emit(repeat('a', 121), '{}');
SELECT flowctl.emit('permission.granted', '{}');
SELECT flowctl.emit('run.failed', '{}');
SELECT flowctl.emit('denial', '{}');
SELECT flowctl.emit('order.paid', '{}', '');
SELECT flowctl.emit('order.paid', '{}', id => repeat('i', 1025));
SELECT flowctl.emit('order.paid', jsonb_build_object('a', repeat('x', 300000)));
BEGIN READ ONLY;
SELECT flowctl.emit('order.paid');
ROLLBACK;
-- a rollback takes the event back
BEGIN;
SELECT flowctl.emit('rolled.back') IS NOT NULL AS emitted;
ROLLBACK;
SELECT count(*) FROM flowctl.events WHERE type = 'rolled.back';
-- CloudEvents
SELECT flowctl.ingest('{"specversion": "1.0", "id": "1", "source": "/shop", "type": "cart.left", "subject": "carts/1", "time": "2026-01-31T10:00:00Z", "region": "eu", "data": {"n": 1}}') AS cart \gset
SELECT flowctl.ingest('{"specversion": "1.0", "id": "1", "source": "/shop", "type": "cart.left", "data": {"n": 2}}') = :'cart' AS same;
SELECT type, source, id, subject, data FROM flowctl.events WHERE type = 'cart.left';
SELECT flowctl.ingest(NULL);
SELECT flowctl.ingest('[]');
SELECT flowctl.ingest('{"specversion": "0.3", "id": "1", "source": "s", "type": "t"}');
SELECT flowctl.ingest('{"specversion": "1.0", "id": "1", "type": "t"}');
SELECT flowctl.ingest('{"specversion": "1.0", "id": 1, "source": "s", "type": "t"}');
SELECT flowctl.ingest('{"specversion": "1.0", "id": "1", "source": "s", "type": "role.created"}');
SELECT flowctl.ingest('{"specversion": "1.0", "id": "2", "source": "s", "type": "t", "Bad": 1}');
SELECT flowctl.ingest('{"specversion": "1.0", "id": "2", "source": "s", "type": "t", "ext": {}}');
SELECT flowctl.ingest('{"specversion": "1.0", "id": "2", "source": "s", "type": "t", "time": "yesterday"}');
-- each role sees its own events
SET ROLE regress_events_owner;
SELECT count(*) FROM flowctl.events;
SET ROLE regress_events_other;
SELECT count(*) FROM flowctl.events;
RESET ROLE;
SELECT count(*) > 3 AS all_of_them FROM flowctl.events;

-- rules: who may make them, and of what
SET ROLE regress_events_owner;
SELECT flowctl.define_flow('paid', :'pass');
SELECT flowctl.define_flow('mine', :'pass', options => '{"run_as": "INVOKER"}');
SET ROLE regress_events_other;
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid');
SET ROLE regress_events_owner;
SELECT flowctl.create_event_rule('r', 'mine', 'order.paid');
SELECT flowctl.create_event_rule('r', 'nowhere', 'order.paid');
SELECT flowctl.create_event_rule('no spaces', 'paid', 'order.paid');
SELECT flowctl.create_event_rule('r', 'paid', 'order paid');
SELECT flowctl.create_event_rule('r', 'paid', '*.paid');
SELECT flowctl.create_event_rule('r', 'paid', NULL);
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', filter => 'data.(');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', input => '{% a b %}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '[]');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"colour": 1}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"on_error": "ignore"}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"threshold": 3}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"within": "1 min"}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"within": "1 min", "threshold": 3, "unless": "x"}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"within": "1 min", "threshold": 3, "on_error": "raise"}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', options => '{"emitters": ["regress_nobody"]}');
SELECT flowctl.create_event_rule('r', 'paid', 'order.*', 'data.total > 100', '{"order": subject, "total": data.total}', 'large orders');
-- the same once more is nothing; another one is an error unless it may be replaced
SELECT flowctl.create_event_rule('r', 'paid', 'order.*', 'data.total > 100', '{"order": subject, "total": data.total}', 'large orders');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', 'data.total > 100');
SELECT flowctl.create_event_rule('r', 'paid', 'order.paid', 'data.total > 100', '{"order": subject, "total": data.total}', or_replace => true);
SELECT name, flow, event, filter, input, options, owner, enabled, disabled_reason, comment FROM flowctl.event_rules;
SET ROLE regress_events_app;
SELECT count(*) FROM flowctl.event_rules;
SELECT flowctl.drop_event_rule('r');
SELECT flowctl.alter_event_rule('r', event => '*');
SELECT flowctl.disable_event_rule('r');
SELECT flowctl.enable_event_rule('r');
RESET ROLE;
SELECT flowctl.drop_event_rule('s');

-- an event starts the flow in its transaction, as the rule's owner, with the session of the one who emits
SET ROLE regress_events_app;
BEGIN;
SELECT flowctl.emit('order.paid', '{"total": 500}', 'orders/1') IS NOT NULL AS emitted;
ROLLBACK;
SELECT count(flowctl.emit('order.paid', jsonb_build_object('total', t), 'orders/' || t)) FROM unnest('{50, 150, 100, 101}'::int[]) t;
SELECT flowctl.emit('order.lost', '{"total": 500}') IS NOT NULL AS emitted;
SET ROLE regress_events_owner;
SELECT pg_temp.wait_until($$count(*) = 2 FROM flowctl.runs WHERE flow = 'paid' AND status = 'SUCCEEDED'$$);
SELECT input, role, starter, session_user_name = session_user AS session, event - '{id,time,sequence,source,sessionuser}'::text[] AS event
FROM flowctl.runs WHERE flow = 'paid' ORDER BY input ->> 'order';
SELECT event ->> 'specversion' = '1.0' AND event ->> 'id' = event ->> 'sequence' AND event ->> 'sessionuser' = session_user AND (event ->> 'time')::timestamptz <= now() AS cloud_event
FROM flowctl.runs WHERE flow = 'paid';
-- without an input the event is the input
SELECT flowctl.alter_event_rule('r', input => '', filter => '', comment => 'all');
SELECT flowctl.emit('order.paid', '{"n": 1}', 'orders/9', 'e9') IS NOT NULL AS emitted;
SELECT pg_temp.wait_until($$count(*) = 3 FROM flowctl.runs WHERE flow = 'paid' AND status = 'SUCCEEDED'$$);
SELECT input ->> 'type' AS type, input ->> 'subject' AS subject, input ->> 'id' AS id, input -> 'data' AS data FROM flowctl.runs WHERE flow = 'paid' AND input ->> 'id' = 'e9';
-- disabled and enabled
SELECT flowctl.disable_event_rule('r');
SELECT enabled, disabled_reason FROM flowctl.event_rules;
SELECT flowctl.emit('order.paid') IS NOT NULL AS emitted;
SELECT flowctl.enable_event_rule('r');
SELECT enabled, disabled_reason FROM flowctl.event_rules;
SELECT count(*) FROM flowctl.runs WHERE flow = 'paid';
-- a flow that rules name stays
SELECT flowctl.drop_flow('paid');
-- emitters
SELECT flowctl.alter_event_rule('r', options => '{"emitters": ["regress_events_app"]}');
SELECT options FROM flowctl.event_rules;
SELECT flowctl.emit('order.paid', '{"by": "owner"}') IS NOT NULL AS emitted;
SET ROLE regress_events_app;
SELECT flowctl.emit('order.paid', '{"by": "app"}') IS NOT NULL AS emitted;
SET ROLE regress_events_owner;
SELECT pg_temp.wait_until($$count(*) = 4 FROM flowctl.runs WHERE flow = 'paid' AND status = 'SUCCEEDED'$$);
SELECT input -> 'data' AS data FROM flowctl.runs WHERE flow = 'paid' AND input -> 'data' ? 'by';

-- what fails is recorded and does not disturb the command, unless the rule says raise
SELECT flowctl.alter_event_rule('r', filter => 'data.n > "x"', options => '{}');
SELECT flowctl.emit('order.paid', '{"n": 1}') IS NOT NULL AS emitted;
SELECT flowctl.alter_event_rule('r', filter => '', input => 'data.missing');
SELECT flowctl.emit('order.paid', '{"n": 1}') IS NOT NULL AS emitted;
SELECT flowctl.define_flow('strict', :'pass', options => '{"input_schema": {"type": "object", "required": ["order"]}}');
SELECT flowctl.alter_event_rule('r', flow => 'strict', input => 'data');
SELECT flowctl.emit('order.paid', '{"n": 1}') IS NOT NULL AS emitted;
SELECT rule, flow, type, depth, reason, data FROM flowctl.event_failures ORDER BY at;
SELECT flowctl.alter_event_rule('r', options => '{"on_error": "raise"}');
SELECT flowctl.emit('order.paid', '{"n": 1}');
-- but nobody makes the commands of others fail
SET ROLE regress_events_app;
SELECT flowctl.emit('order.paid', '{"n": 1}') IS NOT NULL AS emitted;
SET ROLE regress_events_other;
SELECT count(*) FROM flowctl.event_failures;
SET ROLE regress_events_owner;
-- what takes too long for a command is the worker's, and ends there
SELECT flowctl.alter_event_rule('r', flow => 'paid', filter => '$sum([1..30000]) > 0', input => 'data', options => '{}');
SELECT flowctl.emit('order.paid', '{"n": 2}') IS NOT NULL AS emitted FROM generate_series(1, 5);
SELECT pg_temp.wait_until($$count(*) = 9 FROM flowctl.runs WHERE flow = 'paid' AND status = 'SUCCEEDED'$$);
SELECT input, role, starter, session_user_name = session_user AS session, event ->> 'rule' AS rule FROM flowctl.runs WHERE flow = 'paid' AND input = '{"n": 2}';
SELECT flowctl.alter_event_rule('r', filter => '($f := function($n) { $n = 0 ? true : $f($n - 1) }; $f(10000000))');
SELECT flowctl.emit('order.paid', '{"n": 3}') IS NOT NULL AS emitted;
SELECT pg_temp.wait_until($$count(*) = 5 FROM flowctl.event_failures$$);
SELECT rule, reason FROM flowctl.event_failures ORDER BY at DESC LIMIT 1;

-- a rule whose owner lost the right is disabled and says so
RESET ROLE;
SELECT flowctl.grant_start('paid', 'regress_events_other');
SET ROLE regress_events_other;
SELECT flowctl.create_event_rule('theirs', 'paid', 'cart.left', input => '{"cart": data.n}');
SET ROLE regress_events_owner;
SELECT flowctl.revoke_start('paid', 'regress_events_other');
SELECT flowctl.emit('cart.left', '{"n": 1}') IS NOT NULL AS emitted;
SET ROLE regress_events_other;
SELECT pg_temp.wait_until($$NOT enabled FROM flowctl.event_rules WHERE name = 'theirs'$$);
SELECT name, enabled, disabled_reason FROM flowctl.event_rules WHERE name = 'theirs';
SELECT rule, reason FROM flowctl.event_failures;
SELECT flowctl.enable_event_rule('theirs');
RESET ROLE;

-- events about runs, for those who may see them; a circle ends at depth 8
SET ROLE regress_events_owner;
SELECT flowctl.drop_event_rule('r');
SELECT flowctl.define_flow('again', :'pass');
SELECT flowctl.create_event_rule('circle', 'again', 'run.succeeded', filter => 'data.flow = "again"', input => '{"depth": depth}');
SELECT flowctl.start('again') IS NOT NULL AS started;
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.event_failures WHERE rule = 'circle'$$);
SELECT rule, type, depth, reason, data ->> 'status' AS status FROM flowctl.event_failures WHERE rule = 'circle';
SELECT count(*), max((input ->> 'depth')::int) AS deepest FROM flowctl.runs WHERE flow = 'again';
SELECT type, depth, subject = run_id::text AS of_run, data - '{run_id,started_at,ended_at}'::text[] AS data FROM flowctl.events WHERE type LIKE 'run.%' AND depth < 2 ORDER BY depth;
SELECT flowctl.drop_event_rule('circle');
-- nobody asks for them any more, so they are not recorded
SELECT flowctl.start('again') AS unheard \gset
SELECT flowctl.wait(:'unheard');
SELECT count(*) FROM flowctl.events WHERE subject = :'unheard';

-- so many within a time, by key
SELECT flowctl.create_event_rule('often', 'paid', 'login.failed', input => '{"user": subject}', options => '{"within": "1 h", "threshold": 3, "key": "subject"}');
SELECT count(flowctl.emit('login.failed', subject => s)) FROM unnest('{ann,bob,ann,bob,ann,ann,ann}'::text[]) s;
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.runs WHERE flow = 'paid' AND input ? 'user'$$);
SELECT count(flowctl.emit('login.failed', subject => s)) FROM unnest('{ann,bob}'::text[]) s;
SELECT pg_temp.wait_until($$count(*) = 3 FROM flowctl.runs WHERE flow = 'paid' AND input ? 'user'$$);
SELECT input FROM flowctl.runs WHERE flow = 'paid' AND input ? 'user' ORDER BY run_id;
-- one that is not followed by another one in time
SELECT flowctl.create_event_rule('unpaid', 'paid', 'order.made', input => '{"unpaid": subject}', options => '{"within": "1 s", "unless": "order.paid", "key": "subject"}');
SELECT flowctl.emit('order.made', subject => 'a') IS NOT NULL AS made, flowctl.emit('order.made', subject => 'b') IS NOT NULL AS made;
SELECT flowctl.emit('order.paid', subject => 'a') IS NOT NULL AS paid;
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.runs WHERE flow = 'paid' AND input ? 'unpaid'$$);
SELECT input FROM flowctl.runs WHERE flow = 'paid' AND input ? 'unpaid';

-- late and overdue runs
SELECT flowctl.define_flow('slow', '{"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 86400, "End": true}}}', options => '{"expect": {"start_within": "100 ms", "finish_within": "200 ms"}, "max_concurrency": 1}');
SELECT flowctl.create_event_rule('tardy', 'paid', 'run.*', filter => 'data.flow = "slow"', input => '{"tardy": type, "status": data.status, "name": data.name}');
SELECT count(flowctl.start('slow', name => n)) FROM unnest('{one,two}'::text[]) n;
SELECT pg_temp.wait_until($$count(*) = 3 FROM flowctl.runs WHERE flow = 'paid' AND input ? 'tardy'$$);
SELECT DISTINCT input - 'name' AS input FROM flowctl.runs WHERE flow = 'paid' AND input ? 'tardy' ORDER BY 1;
SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE flow = 'slow';
SELECT pg_temp.wait_until($$count(*) = 5 FROM flowctl.runs WHERE flow = 'paid' AND input ? 'tardy'$$);
SELECT pg_temp.wait_until($$count(*) = 0 FROM flowctl.runs WHERE status = 'RUNNING'$$);
RESET ROLE;

-- denied attempts, also of transactions that roll back
SET ROLE regress_events_owner;
SELECT flowctl.create_event_rule('denied', 'paid', 'denial', input => '{"denied": data.action, "object": data.object, "role": data.role}');
RESET ROLE;
GRANT regress_events_other TO regress_events_owner;
SET ROLE regress_events_owner;
SET ROLE regress_events_other;
SELECT flowctl.start('paid');
SET ROLE regress_events_owner;
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.runs WHERE flow = 'paid' AND input ? 'denied'$$);
SELECT input FROM flowctl.runs WHERE flow = 'paid' AND input ? 'denied';
SELECT flowctl.drop_event_rule('denied');
RESET ROLE;
REVOKE regress_events_other FROM regress_events_owner;

-- waiting for events: what a definition must say
SET ROLE regress_events_owner;
\set wait '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "parcel.arrived", "Subject.$": "$.parcel", "Match": "data.ok = true"}, "End": true}}}'
SELECT * FROM flowctl.validate('{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "End": true}}}');
SELECT * FROM flowctl.validate('{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Subject": "x"}, "End": true}}}');
SELECT * FROM flowctl.validate('{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event.sync", "Parameters": {"Type": "x"}, "End": true}}}');
SELECT * FROM flowctl.validate(:'wait', 'EXPRESS');
SELECT flowctl.define_flow('bad', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "no spaces"}, "End": true}}}');
SELECT flowctl.define_flow('bad', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "x", "Match": "a b"}, "End": true}}}');
SELECT flowctl.define_flow('bad', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "x", "Since": "yesterday"}, "End": true}}}');
SELECT flowctl.define_flow('bad', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "x", "Until": "tomorrow"}, "End": true}}}');
SELECT flowctl.define_flow('parcel', :'wait');
-- the event comes while the run waits, and only the one that it waits for
SELECT flowctl.start('parcel', '{"parcel": "p1"}') AS p1 \gset
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.waiting_tasks$$);
SELECT kind, flow, state, resource, waiting_for FROM flowctl.waiting_tasks;
SELECT flowctl.emit('parcel.arrived', '{"ok": true}', 'p2') IS NOT NULL AS other, flowctl.emit('parcel.arrived', '{"ok": false}', 'p1') IS NOT NULL AS unfit,
    flowctl.emit('parcel.arrived', '{"ok": true, "n": 1}', 'p1') IS NOT NULL AS fit;
SELECT flowctl.wait(:'p1');
SELECT output ->> 'type' AS type, output ->> 'subject' AS subject, output -> 'data' AS data FROM flowctl.runs WHERE run_id = :'p1';
SELECT count(*) FROM flowctl.waiting_tasks;
-- it has come before the state was reached, but not before the run
SELECT flowctl.define_flow('first_rest', '{"StartAt": "R", "States": {"R": {"Type": "Wait", "Seconds": 1, "Next": "W"}, "W": {"Type": "Task", "Resource": "flowctl:event", "Parameters": {"Type": "parcel.arrived", "Subject": "p1"}, "End": true}}}');
SELECT flowctl.start('first_rest') AS rest \gset
SELECT flowctl.emit('parcel.arrived', '{"n": 2}', 'p1') IS NOT NULL AS emitted;
SELECT flowctl.wait(:'rest');
SELECT output -> 'data' AS data FROM flowctl.runs WHERE run_id = :'rest';
-- since a time, or since an event
SELECT flowctl.define_flow('since', '{"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "Arguments": {"Type": "parcel.arrived", "Subject": "p1", "Since": "{% $states.input.since %}"}, "Output": "{% $states.result.data %}", "End": true}}}');
SELECT flowctl.start('since', '{"since": "2020-01-01T00:00:00Z"}') AS since \gset
SELECT flowctl.wait(:'since');
SELECT output FROM flowctl.runs WHERE run_id = :'since';
SELECT flowctl.start('since', jsonb_build_object('since', (SELECT event_id FROM flowctl.events WHERE type = 'parcel.arrived' AND data = '{"ok": true, "n": 1}'))) AS since \gset
SELECT flowctl.wait(:'since');
SELECT output FROM flowctl.runs WHERE run_id = :'since';
SELECT flowctl.start('since', '{"since": 7}') AS since \gset
SELECT flowctl.wait(:'since');
SELECT error, cause FROM flowctl.runs WHERE run_id = :'since';
-- a timeout and a stop end the wait
SELECT flowctl.define_flow('short', '{"StartAt": "W", "States": {"W": {"Type": "Task", "Resource": "flowctl:event", "TimeoutSeconds": 1, "Parameters": {"Type": "never.comes"}, "End": true}}}');
SELECT flowctl.start('short') AS short \gset
SELECT flowctl.wait(:'short');
SELECT error FROM flowctl.runs WHERE run_id = :'short';
SELECT flowctl.start('parcel', '{"parcel": "p3"}') AS p3 \gset
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.waiting_tasks$$);
SELECT flowctl.stop(:'p3');
SELECT flowctl.wait(:'p3');
SELECT count(*) FROM flowctl.waiting_tasks;
RESET ROLE;

-- a run that is redacted takes along what its events say, and the event's id stays
SET ROLE regress_events_owner;
SELECT flowctl.create_event_rule('person', 'paid', 'person.came', input => '{"person": data.name}');
SELECT flowctl.emit('person.came', '{"name": "Ann"}', 'persons/ann', 'visit-1') AS visit \gset
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.runs WHERE flow = 'paid' AND status = 'SUCCEEDED' AND input ? 'person'$$);
SELECT flowctl.redact(run_id, 'asked for it') FROM flowctl.runs WHERE flow = 'paid' AND input ? 'person';
SELECT type, subject, data, id FROM flowctl.events WHERE event_id = :'visit';
SELECT flowctl.emit('person.came', '{"name": "Ann"}', 'persons/ann', 'visit-1') = :'visit' AS same;
RESET ROLE;

-- rules in a document
SET ROLE regress_events_owner;
SELECT flowctl.export('perso%') -> 'event_rules' AS event_rules, flowctl.export('perso%') AS document \gset
SELECT :'event_rules' AS event_rules;
SELECT * FROM flowctl.import(:'document');
SELECT flowctl.drop_event_rule('person');
SELECT * FROM flowctl.import(:'document', false);
SELECT * FROM flowctl.import(jsonb_set(:'document', '{event_rules,person}', '{"filter": "data.name = \"Bob\""}'), false);
SELECT name, flow, event, filter, input FROM flowctl.event_rules WHERE name = 'person';

-- what a run sees of the event that has started it, also of a changed row
SELECT flowctl.define_flow('sees', '{"StartAt": "S", "States": {"S": {"Type": "Pass", "Parameters": {"event.$": "$$.Event"}, "End": true}}}');
SELECT flowctl.create_event_rule('seen', 'sees', 'seen.*');
SELECT flowctl.emit('seen.it', '{"n": 1}', 'one') IS NOT NULL AS emitted;
RESET ROLE;
CREATE TABLE regress_seen (id int);
ALTER TABLE regress_seen OWNER TO regress_events_owner;
GRANT INSERT ON regress_seen TO regress_events_app;
CREATE TRIGGER see AFTER INSERT ON regress_seen FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('sees');
SET ROLE regress_events_app;
INSERT INTO regress_seen VALUES (1);
SET ROLE regress_events_owner;
SELECT pg_temp.wait_until($$count(*) = 2 FROM flowctl.runs WHERE flow = 'sees' AND status = 'SUCCEEDED'$$);
SELECT e ->> 'specversion' AS specversion, e ->> 'type' AS type, e ->> 'authtype' AS authtype, e ->> 'authid' AS authid, e ? 'sequence' AS sequence, e ? 'time' AS time,
    e ? 'id' AS id, e ? 'source' AS source, e ? 'data' AS data, e ->> 'rule' AS rule, e ->> 'depth' AS depth
FROM (SELECT output -> 'event' FROM flowctl.runs WHERE flow = 'sees') r (e) ORDER BY type;
RESET ROLE;
DROP TABLE regress_seen;

-- what a SQL step emits is caused by its run, so that a circle through a step ends, too
CREATE FUNCTION regress_emit_again(n int) RETURNS uuid LANGUAGE sql AS $$ SELECT flowctl.emit('round.again', jsonb_build_object('n', n + 1)) $$;
SET ROLE regress_events_owner;
SELECT flowctl.define_flow('round', '{"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "flowctl:sql:public.regress_emit_again", "Parameters": {"n.$": "$.n"}, "End": true}}}');
SELECT flowctl.create_event_rule('round', 'round', 'round.*', input => 'data');
SELECT flowctl.emit('round.again', '{"n": 0}') IS NOT NULL AS emitted;
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.event_failures WHERE rule = 'round'$$);
SELECT type, depth, data, run_id IS NOT NULL AS by_run, emitter, session_user_name = 'regress_events_owner' AS as_role FROM flowctl.events WHERE type LIKE 'round.%' ORDER BY depth;
SELECT pg_temp.wait_until($$count(*) = 8 FROM flowctl.runs WHERE flow = 'round' AND status = 'SUCCEEDED'$$);
SELECT flowctl.drop_event_rule('round');
RESET ROLE;
DROP FUNCTION regress_emit_again(int);

-- leases, as the worker writes them
SET ROLE regress_events_owner;
SELECT flowctl.create_event_rule('leased', 'sees', 'lease.*', input => '{"lease": type, "endpoint": data.endpoint, "ended_by": data.ended_by}');
RESET ROLE;
INSERT INTO flowctl_catalog.lease (role_name, role_oid, database_oid, kind, roles, rules, endpoint, run_id, call_id, sending, until_run, created_at, valid_until, dropped_at)
SELECT 'flowctl_lease_regress', 1, d.oid, 'LOGIN', '{reader}', '{}', 'service', r.run_id, 1, 1, false, clock_timestamp(), clock_timestamp() + interval '1 min', now()
FROM flowctl.runs r, pg_database d WHERE r.flow = 'sees' AND d.datname = current_database() LIMIT 1;
SELECT pg_temp.wait_until($$count(*) = 1 FROM flowctl.runs WHERE flow = 'sees' AND input ? 'lease'$$);
UPDATE flowctl_catalog.lease SET ended_at = clock_timestamp(), ended_by = 'CALL';
SELECT pg_temp.wait_until($$count(*) = 2 FROM flowctl.runs WHERE flow = 'sees' AND input ? 'lease'$$);
SELECT input, starter FROM flowctl.runs WHERE flow = 'sees' AND input ? 'lease' ORDER BY started_at;
SELECT flowctl.drop_event_rule('leased');

-- retention
SELECT count(*) > 0 AS kept FROM flowctl.events;
SELECT expired > 0 AS expired FROM flowctl.keep_house(now() + interval '8 days');
SELECT count(*) FROM flowctl.events;
SELECT count(*) FROM flowctl.event_failures;

DROP OWNED BY regress_events_other, regress_events_app;
SELECT count(*) FROM flowctl.event_rules WHERE name = 'theirs';
DROP EXTENSION pg_flowctl CASCADE;
DROP OWNED BY regress_events_owner;
DROP ROLE regress_events_owner, regress_events_app, regress_events_other;
