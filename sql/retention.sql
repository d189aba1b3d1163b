-- Partitions and what becomes of old runs: the surface. What happens over time: test/t/090_retention.pl.
BEGIN ISOLATION LEVEL SERIALIZABLE;
CREATE EXTENSION pg_flowctl;
COMMIT;
CREATE ROLE regress_retention_user;
CREATE ROLE regress_retention_reader IN ROLE pg_read_all_data;
CREATE ROLE regress_retention_monitor IN ROLE pg_monitor;

SHOW flowctl.partition_interval;
SHOW flowctl.partitions_ahead;
SHOW flowctl.retention;

-- the present has a partition, some are ahead, and there is one for what has none
SELECT count(*) FILTER (WHERE starts_at <= now() AND ends_at > now()) AS now, count(*) FILTER (WHERE starts_at > now()) AS ahead,
       count(*) FILTER (WHERE starts_at IS NULL) AS without, bool_and(bytes > 0) AS sized,
       count(emptied_at) AS emptied, count(problem) AS problems
FROM flowctl.partitions;
SELECT p.suffix FROM flowctl.partitions p JOIN flowctl.partitions q ON q.ends_at = p.starts_at GROUP BY 1 HAVING count(*) <> 1;
SELECT parent.relname, count(*) = (SELECT count(*) FROM flowctl.partitions) AS as_many_leaves, bool_and(leaf.relrowsecurity) AS closed,
       count(DISTINCT leaf.relowner) AS owners
FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent JOIN pg_class leaf ON leaf.oid = i.inhrelid
WHERE parent.relnamespace = 'flowctl_catalog'::regnamespace AND parent.relkind = 'p'
GROUP BY 1 ORDER BY 1;
-- all of them belong to the extension, so that no dump has them
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'flowctl_catalog'::regnamespace AND c.relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- nothing is due: no retention is set
SELECT * FROM flowctl.keep_house();
SELECT flowctl.drop_runs_before(now() - interval '1 year');

-- what cannot be asked for
SELECT flowctl.drop_runs_before(NULL);
SELECT flowctl.drop_runs_before('infinity');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT flowctl.drop_runs_before(now());
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT flowctl.keep_house();
ROLLBACK;
BEGIN READ ONLY;
SELECT flowctl.drop_runs_before(now());
ROLLBACK;


-- a partition by hand
SELECT flowctl.make_partition(NULL, now());
SELECT flowctl.make_partition('2001-01-02 UTC', '2001-01-01 UTC');
SELECT flowctl.make_partition('2001-01-01 00:00:01 UTC', '2001-01-02 UTC');
SELECT flowctl.make_partition('2001-01-01 UTC', 'infinity');
SELECT flowctl.make_partition('2001-01-01 UTC', '2001-01-02 UTC');
SELECT flowctl.make_partition('2001-01-01 12:00 UTC', '2001-01-03 UTC');
SELECT starts_at AT TIME ZONE 'UTC' AS starts_at, ends_at AT TIME ZONE 'UTC' AS ends_at, suffix, emptied_at, runs_kept, problem
FROM flowctl.partitions WHERE starts_at < '2020-01-01';
BEGIN;
SELECT flowctl.drop_runs_before('2001-01-02 UTC');
COMMIT;
SELECT emptied_at IS NOT NULL AS emptied, runs_kept FROM flowctl.partitions WHERE starts_at < '2020-01-01';

-- whose business it is
SET ROLE regress_retention_user;
SELECT flowctl.drop_runs_before(now());
SELECT flowctl.keep_house();
SELECT flowctl.make_partition('2001-01-02 UTC', '2001-01-03 UTC');
SELECT count(*) FROM flowctl.partitions;
SET ROLE regress_retention_reader;
SELECT count(*) > 1 AS some FROM flowctl.partitions;
SET ROLE regress_retention_monitor;
SELECT count(*) > 1 AS some FROM flowctl.partitions;
RESET ROLE;

DROP EXTENSION pg_flowctl CASCADE;
SELECT count(*) FROM pg_class WHERE relname LIKE 'run\_20%' OR relname LIKE 'history\_event\_20%';
DROP ROLE regress_retention_user, regress_retention_reader, regress_retention_monitor;
