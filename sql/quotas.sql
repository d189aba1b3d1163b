-- Quotas of roles: arguments, rights, what is refused, and what the view says.
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_quota_author;
CREATE ROLE regress_quota_other;
CREATE ROLE regress_quota_member IN ROLE regress_quota_author;
SELECT flowctl.grant_author('regress_quota_author');
SELECT flowctl.grant_author('regress_quota_other');
\set wait '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100000, "End": true}}}'

-- arguments
SELECT flowctl.set_quota(NULL, 1);
SELECT flowctl.set_quota('regress_quota_nobody', 1);
SELECT flowctl.set_quota(0::regrole, 1);
SELECT flowctl.set_quota('regress_quota_author');
SELECT flowctl.set_quota('regress_quota_author', -1);
SELECT flowctl.set_quota('regress_quota_author', 1000000001);
SELECT flowctl.set_quota('regress_quota_author', calls => 0);
SELECT flowctl.drop_quota(NULL);
SELECT flowctl.drop_quota('regress_quota_author');
SELECT count(*) FROM flowctl.quotas;

-- a start beyond the quota is refused
SET ROLE regress_quota_author;
SELECT flowctl.define_flow('waits', :'wait');
SELECT flowctl.define_flow('passes', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}');
SELECT flowctl.grant_start('waits', 'regress_quota_other');
RESET ROLE;
SELECT flowctl.set_quota('regress_quota_author', 3, 5);
SELECT role, open_runs, open_runs_used, calls, calls_used, set_by = current_user AS set_by, set_at <= now() AS set_at FROM flowctl.quotas;
SET ROLE regress_quota_author;
SELECT count(flowctl.start('waits')) FROM generate_series(1, 2);
SELECT count(flowctl.start('waits')) FROM generate_series(1, 2);
SELECT open_runs, open_runs_used FROM flowctl.quotas;

-- runs count for the owner of the flow, whoever starts them
SET ROLE regress_quota_other;
SELECT flowctl.start('waits', name => 'third') IS NOT NULL AS started;
SELECT flowctl.start('waits');
SELECT flowctl.start('waits', name => 'third') IS NOT NULL AS is_there;
SELECT flowctl.define_flow('free', :'wait');
SELECT count(flowctl.start('free')) FROM generate_series(1, 5);
SELECT count(*) FROM flowctl.quotas;

-- what a transaction takes back does not count
RESET ROLE;
SELECT flowctl.set_quota('regress_quota_author', 5);
BEGIN;
SAVEPOINT a;
SELECT count(flowctl.start('waits')) FROM generate_series(1, 2);
ROLLBACK TO a;
SAVEPOINT b;
SELECT count(flowctl.start('waits')) FROM generate_series(1, 1);
SAVEPOINT c;
SELECT count(flowctl.start('waits')) FROM generate_series(1, 1);
RELEASE c;
RELEASE b;
SELECT flowctl.start('waits');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(flowctl.start('waits')) FROM generate_series(1, 2);
SELECT flowctl.start('waits');
ROLLBACK;
SELECT open_runs_used FROM flowctl.quotas;

-- triggers
CREATE TABLE quota_orders (id int);
GRANT ALL ON quota_orders TO regress_quota_author;
ALTER TABLE quota_orders OWNER TO regress_quota_author;
CREATE TRIGGER start AFTER INSERT ON quota_orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('waits');
INSERT INTO quota_orders SELECT generate_series(1, 3);
SELECT count(*) FROM quota_orders;
INSERT INTO quota_orders SELECT generate_series(1, 2);
SELECT open_runs_used FROM flowctl.quotas;

-- it goes on when runs end
SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE flow = 'waits';
DO $$ BEGIN WHILE (SELECT open_runs_used FROM flowctl.quotas) > 0 LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
DO $$ BEGIN
    LOOP
        BEGIN
            PERFORM count(flowctl.start('waits')) FROM generate_series(1, 5);
            RETURN;
        EXCEPTION WHEN configuration_limit_exceeded THEN
            PERFORM pg_sleep(0.01);
        END;
    END LOOP;
END $$;
SELECT flowctl.start('waits');

-- a run that starts another one
SET ROLE regress_quota_author;
SELECT flowctl.define_flow('parent', '{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "flowctl:flow:waits", "End": true}}}');
RESET ROLE;
SELECT flowctl.set_quota('regress_quota_author', 6);
SELECT flowctl.start('parent') AS parent \gset
SELECT flowctl.wait(:'parent');
SELECT error, cause FROM flowctl.runs WHERE run_id = :'parent';

-- a quota that is lowered stops nothing; zero lets nothing be started
SELECT flowctl.set_quota('regress_quota_author', 0);
SELECT flowctl.start('passes');
SELECT open_runs, open_runs_used, calls, calls_used FROM flowctl.quotas;
SELECT flowctl.set_quota('regress_quota_author', 2);
SELECT flowctl.start('passes');
SELECT flowctl.set_quota('regress_quota_author', 4);
SELECT flowctl.start('passes');
SELECT flowctl.set_quota('regress_quota_author', calls => 7);
SELECT flowctl.start('passes') IS NOT NULL AS started;
SELECT open_runs, calls, calls_used FROM flowctl.quotas;

-- stored bytes: measured when the quota is set and by the process that keeps house
SELECT flowctl.set_quota('regress_quota_author', stored_bytes => -1);
SELECT flowctl.set_quota('regress_quota_author', stored_bytes => 1000000);
SELECT open_runs, calls, stored_bytes, stored_bytes_used BETWEEN 5000 AND 500000 AS plausible, stored_measured_at <= clock_timestamp() AS measured FROM flowctl.quotas;
SET ROLE regress_quota_author;
SELECT flowctl.define_flow('keeps', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 0, "End": true}}}');
SELECT string_agg(md5(i::text), '') AS random FROM generate_series(1, 6000) i \gset
SELECT flowctl.start('keeps', jsonb_build_object('random', :'random')) AS large \gset
SELECT flowctl.wait(:'large');
SELECT flowctl.start('keeps', jsonb_build_object('random', :'random')) IS NOT NULL AS not_measured_yet;
RESET ROLE;
SELECT count(*) FROM flowctl.keep_house();
SELECT stored_bytes_used BETWEEN 200000 AND 900000 AS more FROM flowctl.quotas;
SELECT flowctl.set_quota('regress_quota_author', stored_bytes => 200000);
SET ROLE regress_quota_author;
CREATE PROCEDURE pg_temp.refused(flow text) LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
    PERFORM flowctl.start(flow);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% % (%) (%)', SQLSTATE, SQLERRM, regexp_replace(detail, ' \d{6} were', ' N were'), hint;
END $$;
CALL pg_temp.refused('keeps');
RESET ROLE;
SELECT flowctl.set_quota('regress_quota_author', calls => 7);
SELECT flowctl.start('keeps') IS NOT NULL AS started;
SELECT count(*) FROM flowctl.keep_house();
SELECT count(*) FROM flowctl_catalog.stored_use;

-- rights
SET ROLE regress_quota_author;
SELECT flowctl.set_quota('regress_quota_author', 100);
SELECT flowctl.drop_quota('regress_quota_author');
SELECT role, calls FROM flowctl.quotas;
SELECT flowctl_catalog.calls_of_role('regress_quota_author'::regrole);
DELETE FROM flowctl_catalog.quota;
SET ROLE regress_quota_member;
SELECT role, calls FROM flowctl.quotas;
SET ROLE regress_quota_other;
SELECT role, calls FROM flowctl.quotas;
RESET ROLE;

-- a role cannot rid itself of its quota, and is not dropped while it has one
SELECT flowctl.set_quota('regress_quota_other', 1);
SELECT count(flowctl.stop(run_id)) FROM flowctl.runs WHERE flow = 'free';
DO $$ BEGIN WHILE EXISTS (SELECT FROM flowctl.runs WHERE flow = 'free' AND status = 'RUNNING') LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SET ROLE regress_quota_other;
DROP OWNED BY regress_quota_other;
RESET ROLE;
SELECT role, open_runs FROM flowctl.quotas ORDER BY role::text;
DROP ROLE regress_quota_other;
SELECT flowctl.drop_quota('regress_quota_other');
SELECT flowctl.set_quota('regress_quota_other', 1);
DROP OWNED BY regress_quota_other;
DROP ROLE regress_quota_other;
SELECT role, open_runs FROM flowctl.quotas ORDER BY role::text;

DROP TABLE quota_orders;
DROP EXTENSION pg_flowctl;
DROP OWNED BY regress_quota_author;
DROP ROLE regress_quota_author, regress_quota_member;
