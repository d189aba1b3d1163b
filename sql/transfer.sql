-- Export and import: documents of flows and what belongs to them. Between two databases: test/t/142_transfer.pl.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_transfer_owner;
CREATE ROLE regress_transfer_other;
CREATE ROLE "regress transfer ""Shop";
CREATE ROLE regress_transfer_auditor IN ROLE pg_read_all_data;
SELECT flowctl.grant_author('regress_transfer_owner');
CREATE SERVER regress_transfer FOREIGN DATA WRAPPER flowctl_http OPTIONS (url 'https://service.example/x', auth 'none');

-- nothing to export
SELECT flowctl.export();
SELECT * FROM flowctl.import('{"format": 1}', false);

SET ROLE regress_transfer_owner;
SELECT flowctl.define_flow('repair', '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', 'EXPRESS', options => '{"run_as": "INVOKER"}');
SELECT flowctl.define_flow('orders', '{"StartAt": "Charge", "States": {"Charge": {"Type": "Wait", "Seconds": 30, "End": true}}}');
SELECT flowctl.define_flow('orders', '{"StartAt": "Charge", "States": {"Charge": {"Type": "Wait", "Seconds": 40, "End": true}}}');
SELECT flowctl.define_flow('orders', '{"States": {"Charge": {"Type": "Wait", "Seconds": 50, "Next": "Z"}, "Z": {"Type": "Succeed"}}, "StartAt": "Charge"}',
    comment => 'orders of the shop', options => '{"keep_data": "ERROR", "tags": {"team": "shop"}, "on_failure": "repair"}');
SELECT flowctl.set_alias('orders', 'live', 1, 3, 10), flowctl.set_alias('orders', 'beta', 3);
SELECT flowctl.grant_flow('orders', '"regress transfer ""Shop"', '{start,read}'), flowctl.grant_start('repair', 'regress_transfer_other');
SELECT flowctl.create_activity('pack', 'by hand');
SELECT flowctl.create_limit('shared', 5), flowctl.create_limit('slow', NULL, '100/min', 10);
SELECT flowctl.alter_flow('orders', '{"limits": ["shared"], "max_concurrency": 3}');
SELECT flowctl.grant_activity('pack', 'regress_transfer_other'), flowctl.grant_limit('shared', '"regress transfer ""Shop"');
SELECT activity, role, granted_by FROM flowctl.activity_grants;
SELECT limit_name, role, granted_by FROM flowctl.limit_grants;
RESET ROLE;
SELECT flowctl.add_policy('permit orders', 'permit', 'regress_transfer', '{"flow": "orders"}', 'as agreed');
SELECT flowctl.add_policy('forbid', 'forbid', NULL, '{"role": "regress_transfer_other"}');

-- the whole document: the newest version, and those that aliases lead to
SELECT jsonb_pretty(flowctl.export());
CREATE TEMP TABLE doc AS SELECT flowctl.export() AS doc;
GRANT SELECT ON doc TO PUBLIC;
-- some of it
SELECT jsonb_object_keys(flowctl.export('rep%') -> 'flows');
SELECT jsonb_object_keys(flowctl.export('permit%') -> 'policies');
SELECT flowctl.export('nothing');
-- what one sees
SET ROLE regress_transfer_other;
SELECT flowctl.export() - 'policies';
SET ROLE regress_transfer_auditor;
SELECT flowctl.export() = doc FROM doc;
RESET ROLE;

-- the same again changes nothing
SELECT * FROM doc, flowctl.import(doc);
SELECT * FROM doc, flowctl.import(doc, false);
SELECT latest_version FROM flowctl.flows ORDER BY name;

-- each kind of change, in words; nothing changes in a dry run
CREATE FUNCTION pg_temp.try(changed jsonb, dry_run boolean DEFAULT true) RETURNS SETOF text LANGUAGE sql AS $$ SELECT flowctl.import(changed, dry_run) $$;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,versions,2,definition,States,Charge,Seconds}', '60')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,versions,2,options}', '{"keep_data": "ALL", "run_as": "OWNER"}')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,aliases}', '{"live": {"version": 2}, "canary": {"version": 1}}')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,options}', '{"tags": {"team": "billing"}, "expect": {"finish_within": "1 h"}}')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,grants}', '{"regress transfer \"Shop": ["operate", "start"], "regress_transfer_other": ["read"]}')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,comment}', '"another"')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,owner}', '"regress_transfer_other"')) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{policies,forbid,conditions}', '{}')) FROM doc;
SELECT pg_temp.try(doc || '{"policies": {"another": {"effect": "permit", "endpoint": "regress_transfer"}}}') FROM doc;
SELECT pg_temp.try('{"format": 1, "activities": {"pack": {"comment": "by a robot"}, "ship": {}}}');
SELECT pg_temp.try('{"format": 1, "limits": {"shared": {"slots": 7}, "slow": {"rate": "50/min"}, "new": {"slots": 1}}}');
SELECT pg_temp.try('{"format": 1, "activities": {"pack": {"grants": []}}, "limits": {"shared": {"grants": ["regress_transfer_other"]}}}');
SELECT pg_temp.try('{"format": 1, "flows": {"new": {"versions": {"1": {"definition": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}}}}}}');
SELECT flowctl.export() = doc FROM doc;

-- an older version becomes the newest again by a new number
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,versions}', jsonb_build_object('1', doc #> '{flows,orders,versions,1}'))
    #- '{flows,orders,aliases}') FROM doc;
-- done, and done again
BEGIN;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,versions,2,definition,States,Charge,Seconds}', '60'), false) FROM doc;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,versions,2,definition,States,Charge,Seconds}', '60'), false) FROM doc;
SELECT alias, version, second_version, second_weight FROM flowctl.aliases ORDER BY 1;
SELECT pg_temp.try(jsonb_set(doc, '{flows,orders,comment}', '"another"'), false) FROM doc;
SELECT comment, latest_version FROM flowctl.flows WHERE name = 'orders';
ROLLBACK;

-- into an empty database: the same document comes out
BEGIN;
SELECT flowctl.drop_flow('orders'), flowctl.drop_flow('repair'), flowctl.drop_policy('forbid'), flowctl.drop_policy('permit orders'),
    flowctl.drop_activity('pack'), flowctl.drop_limit('shared'), flowctl.drop_limit('slow');
SELECT pg_temp.try(doc, false) FROM doc;
SELECT flowctl.export() = doc FROM doc;
SELECT flow, version, author FROM flowctl.flow_versions ORDER BY 1, 2;
SELECT flow, alias, version, second_version, second_weight FROM flowctl.aliases ORDER BY 1, 2;
ROLLBACK;

-- rights: those that each change needs
CREATE PROCEDURE pg_temp.refused(changed jsonb) LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
    PERFORM flowctl.import(changed);
    RAISE NOTICE 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% % (%) (%)', SQLSTATE, SQLERRM, detail, hint;
END $$;
SELECT doc FROM doc \gset
SET ROLE regress_transfer_other;
CALL pg_temp.refused('{"format": 1, "flows": {"new": {"versions": {"1": {"definition": {}}}}}}');
CALL pg_temp.refused('{"format": 1, "limits": {"mine": {"slots": 1, "grants": "PUBLIC"}}}');
CALL pg_temp.refused('{"format": 1, "limits": {"shared": {"slots": 1, "grants": []}}}');
CALL pg_temp.refused('{"format": 1, "policies": {"new": {"effect": "permit", "endpoint": "regress_transfer"}}}');
SET ROLE regress_transfer_owner;
CALL pg_temp.refused(jsonb_set(:'doc'::jsonb - 'policies', '{flows,orders,owner}', '"regress_transfer_other"'));
CALL pg_temp.refused(jsonb_set(:'doc'::jsonb - 'policies', '{flows,orders,comment}', '"mine"'));
SET ROLE regress_transfer_auditor;
CALL pg_temp.refused(:'doc'::jsonb);
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,options}', '{}'));
RESET ROLE;

-- what cannot be imported
SELECT flowctl.import(NULL);
CALL pg_temp.refused('[]');
CALL pg_temp.refused('{}');
CALL pg_temp.refused('{"format": "1"}');
CALL pg_temp.refused('{"format": 2}');
CALL pg_temp.refused('{"format": 1, "dashboards": {}}');
CALL pg_temp.refused('{"format": 1, "flows": []}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": 7}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {"versions": {}}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {"versions": {"2": {"definition": {}}}}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {"versions": {"1": {}}}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {"versions": {"1": {"definition": {}, "author": "me"}}}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {"versions": {"1": {"definition": {}}}}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x": {"labels": {}, "versions": {"1": {"definition": {}}}}}}');
CALL pg_temp.refused('{"format": 1, "flows": {"x y": {"versions": {"1": {"definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}}}}}');
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,type}', '"EXPRESS"'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,type}', '7'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,options}', '{"expect": 7}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,options}', '[]'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,owner}', '"nobody"'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,grants}', '{"nobody": ["start"]}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,grants}', '{"regress_transfer_other": "start"}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,grants}', '{"regress_transfer_other": [1]}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,grants}', '{"regress_transfer_other": ["fly"]}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,aliases}', '{"live": {}}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,aliases}', '{"live": {"version": 3}}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,aliases}', '{"live": {"version": 1e99}}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,aliases}', '{"live": {"version": 1, "weight": 1}}'));
CALL pg_temp.refused(jsonb_set(:'doc', '{flows,orders,aliases}', '{"live": {"version": 1, "second_version": 2, "second_weight": 101}}'));
CALL pg_temp.refused('{"format": 1, "policies": {"x": {"effect": "permit", "endpoint": "none"}}}');
CALL pg_temp.refused('{"format": 1, "policies": {"x": {"endpoint": "regress_transfer"}}}');
CALL pg_temp.refused('{"format": 1, "policies": {"x": {"rule": "permit"}}}');
CALL pg_temp.refused('{"format": 1, "lease_rules": {"x": {"endpoint": "regress_transfer", "role": "nobody"}}}');
-- hostile ones
DO $$
DECLARE deep jsonb := '1';
BEGIN
    FOR i IN 1 .. 600 LOOP deep := jsonb_build_array(deep); END LOOP;
    CALL pg_temp.refused(jsonb_build_object('format', 1, 'flows', deep));
END $$;
SELECT flowctl.import(jsonb_build_object('format', 1, 'flows', (SELECT jsonb_object_agg(n, 1) FROM generate_series(1, 10001) n)));
SELECT flowctl.import(jsonb_build_object('format', 1, 'flows', jsonb_build_object('x', jsonb_build_object('versions',
    (SELECT jsonb_object_agg(n, '{"definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}'::jsonb) FROM generate_series(1, 101) n)))));
SELECT count(*) FROM flowctl.import(jsonb_build_object('format', 1, 'policies',
    (SELECT jsonb_object_agg('p' || n, '{"effect": "permit", "endpoint": "regress_transfer"}'::jsonb) FROM generate_series(1, 300) n)));
SELECT flowctl.export(repeat('x', 1025));
SELECT flowctl.export(NULL);
BEGIN READ ONLY;
SELECT flowctl.export() = doc FROM doc;
SELECT flowctl.import('{"format": 1}');
ROLLBACK;

SELECT flowctl.drop_flow('orders'), flowctl.drop_flow('repair'), flowctl.drop_activity('pack'), flowctl.drop_limit('shared'), flowctl.drop_limit('slow');
DROP EXTENSION pg_flowctl CASCADE;
DROP TABLE doc;
DROP ROLE regress_transfer_owner, regress_transfer_other, "regress transfer ""Shop", regress_transfer_auditor;
