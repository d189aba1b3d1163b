-- Aliases and versions: set_alias, drop_alias, drop_version; starts and triggers by alias; every error.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_aliases_owner;
CREATE ROLE regress_aliases_starter;
CREATE ROLE regress_aliases_other;
CREATE SCHEMA regress_aliases AUTHORIZATION regress_aliases_owner;
SELECT flowctl.grant_author('regress_aliases_owner');
SET ROLE regress_aliases_owner;
SELECT flowctl.define_flow('greet', json_build_object('StartAt', 'S', 'States', json_build_object('S',
    json_build_object('Type', 'Pass', 'Result', 'version ' || i, 'End', true)))) FROM generate_series(1, 4) i;
SELECT flowctl.grant_start('greet', 'regress_aliases_starter');

-- an alias is made, and changed
SELECT flowctl.set_alias('greet', 'live', 1);
SELECT flowctl.set_alias('greet', 'beta', 3, 2, 100);
SELECT flow, alias, version, second_version, second_weight, set_by, set_at <= clock_timestamp() AS dated FROM flowctl.aliases ORDER BY alias;
SELECT flowctl.start('greet:live', name => 'a') IS NOT NULL AS started;
SELECT flowctl.start('greet:beta', name => 'b') IS NOT NULL AS started;
SELECT flowctl.start('greet:2', name => 'c') IS NOT NULL AS started;
SELECT flowctl.start('greet', name => 'd') IS NOT NULL AS started;
SELECT name, version, alias FROM flowctl.runs ORDER BY name;
SELECT flowctl.set_alias('greet', 'live', 3);
SELECT flowctl.start('greet:live', name => 'e') IS NOT NULL AS started;
BEGIN;
SELECT flowctl.set_alias('greet', 'live', 4);
SELECT flowctl.start('greet:live', name => 'f') IS NOT NULL AS started;
ROLLBACK;
SELECT flowctl.start('greet:live', name => 'g') IS NOT NULL AS started;
SELECT name, version, alias FROM flowctl.runs WHERE name > 'd' ORDER BY name;
SELECT flowctl.wait(run_id) FROM flowctl.runs WHERE name = 'g';
SELECT output FROM flowctl.runs WHERE name = 'g';

-- a name stands for one version, also when it is used again; weights divide starts
SELECT flowctl.set_alias('greet', 'split', 1, 2, 30);
SELECT count(*) FROM (SELECT flowctl.start('greet:split', name => 's' || i) FROM generate_series(1, 400) i) s;
SELECT count(DISTINCT version) AS versions, bool_and(alias = 'split') AS alias FROM flowctl.runs WHERE name LIKE 's%';
SELECT count(*) BETWEEN 60 AND 180 AS about_30_percent FROM flowctl.runs WHERE name LIKE 's%' AND version = 2;
SELECT count(DISTINCT id) FROM (SELECT flowctl.start('greet:split', name => 's' || i) AS id FROM generate_series(1, 400) i) s;
SELECT count(*) FROM flowctl.runs WHERE name LIKE 's%';
SELECT count(*) FROM (SELECT flowctl.start('greet:split', to_jsonb(i)) FROM generate_series(1, 400) i) s;
SELECT count(*) BETWEEN 60 AND 180 AS about_30_percent FROM flowctl.runs WHERE name IS NULL AND version = 2;
SELECT flowctl.set_alias('greet', 'split', 1, 2, 0);
SELECT count(*) FROM (SELECT flowctl.start('greet:split', '"none"') FROM generate_series(1, 50) i) s;
SELECT DISTINCT version FROM flowctl.runs WHERE input = '"none"';

-- triggers
CREATE TABLE regress_aliases.t (id int);
CREATE TRIGGER by_alias AFTER INSERT ON regress_aliases.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('greet:live');
CREATE TRIGGER bad AFTER INSERT ON regress_aliases.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('greet:no');
INSERT INTO regress_aliases.t VALUES (1);
SELECT flowctl.set_alias('greet', 'live', 2);
INSERT INTO regress_aliases.t VALUES (2);
SELECT input #>> '{after,id}' AS id, version, alias FROM flowctl.runs WHERE event IS NOT NULL ORDER BY 1;
SELECT flowctl.drop_alias('greet', 'live');
DROP TRIGGER by_alias ON regress_aliases.t;
SELECT flowctl.drop_alias('greet', 'live');
SELECT flowctl.drop_alias('greet', 'live');
SELECT flowctl.start('greet:live');

-- refused arguments
SELECT flowctl.set_alias(NULL, 'x', 1);
SELECT flowctl.set_alias('greet', NULL, 1);
SELECT flowctl.set_alias('greet', 'x', NULL);
SELECT flowctl.set_alias('greet', '12', 1);
SELECT flowctl.set_alias('greet', 'a b', 1);
SELECT flowctl.set_alias('greet', '', 1);
SELECT flowctl.set_alias('greet', repeat('a', 81), 1);
SELECT flowctl.set_alias('greet', 'x', 9);
SELECT flowctl.set_alias('greet', 'x', 0);
SELECT flowctl.set_alias('greet', 'x', 1, 9);
SELECT flowctl.set_alias('greet', 'x', 1, 2, 101);
SELECT flowctl.set_alias('greet', 'x', 1, 2, -1);
SELECT flowctl.set_alias('greet', 'x', 1, NULL, 10);
SELECT flowctl.set_alias('greet', 'x', 1, 1, 10);
SELECT flowctl.start('greet:');
SELECT flowctl.start('greet:0');
SELECT flowctl.start('greet:1:2');
SELECT flowctl.start('greet:nobody');
SELECT flowctl.drop_alias('greet', NULL);
SELECT flowctl.drop_version('greet', NULL);
SELECT flowctl.drop_version('greet', 9);

-- dropping a version
SELECT flowctl.drop_version('greet', 4);
SELECT flowctl.drop_version('greet', 1);
SELECT flowctl.drop_version('greet', 2);
SELECT flowctl.set_alias('greet', 'split', 3);
CREATE TRIGGER by_version AFTER INSERT ON regress_aliases.t FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('greet:1');
SELECT flowctl.drop_version('greet', 1);
DROP TABLE regress_aliases.t;
SELECT flowctl.define_flow('slow', '{"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 86400, "End": true}}}');
SELECT flowctl.define_flow('slow', '{"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 86401, "End": true}}}');
SELECT flowctl.start('slow:1', name => 'slow') AS slow \gset
SELECT flowctl.drop_version('slow', 1);
SELECT flowctl.stop(:'slow') IS NOT NULL AS stopped;
SELECT flowctl.wait(:'slow');
SELECT flowctl.drop_version('slow', 1);
-- the name of a run stays taken, and the number of the version is not used again
SELECT flowctl.start('slow:2', name => 'slow') = :'slow' AS same;
SELECT flowctl.start('slow:1');
SELECT version FROM flowctl.flow_versions WHERE flow = 'slow';
SELECT flowctl.define_flow('slow', '{"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 86400, "End": true}}}');
SELECT flowctl.set_alias('slow', 'x', 1);
SELECT flowctl.drop_version('slow', 1);
SELECT status, version FROM flowctl.runs WHERE run_id = :'slow';

-- rights
SET ROLE regress_aliases_starter;
SELECT flow, alias, version FROM flowctl.aliases ORDER BY 1, 2;
SELECT flowctl.start('greet:beta', name => 'starter') IS NOT NULL AS started;
SELECT flowctl.start('greet:nobody');
SELECT flowctl.set_alias('greet', 'beta', 1);
SELECT flowctl.drop_alias('greet', 'beta');
SELECT flowctl.drop_version('greet', 1);
SET ROLE regress_aliases_other;
SELECT count(*) FROM flowctl.aliases;
SELECT flowctl.start('greet:beta');
SELECT flowctl.start('greet:nobody');
SELECT flowctl.set_alias('greet', 'beta', 1);
BEGIN TRANSACTION READ ONLY;
SELECT flowctl.set_alias('greet', 'beta', 1);
ROLLBACK;
-- dropping the flow drops its aliases
SET ROLE regress_aliases_owner;
SELECT flowctl.define_flow('gone', '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}');
SELECT flowctl.set_alias('gone', 'x', 1);
SELECT flowctl.drop_flow('gone');
SELECT flowctl.define_flow('gone', '{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}');
SELECT flowctl.start('gone:x');
RESET ROLE;
SELECT count(*) FROM flowctl.unresolved;
DROP EXTENSION pg_flowctl;
DROP SCHEMA regress_aliases CASCADE;
DROP ROLE regress_aliases_owner, regress_aliases_starter, regress_aliases_other;
