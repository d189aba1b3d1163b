-- How long runs are kept: the partitions of the tables run, history_event, call, call_outcome,
-- token_revocation and run_attribute.
--
-- The six tables are partitioned in the same way, by the time in a run's id. For each span of time every
-- table has a leaf. Leaves are made days ahead, and emptied as a whole when their runs need not be kept any
-- more. A run whose time is in no span is in the leaf ..._default. Nobody has EXECUTE on the functions except
-- the extension's owner, who may grant it.
CREATE TABLE flowctl_catalog.leaf (
    starts_at       timestamptz PRIMARY KEY,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    suffix          text        NOT NULL UNIQUE,   -- suffix of its tables' names: run_<suffix> and so on
    emptied_at      timestamptz,                   -- when it was emptied; NULL if it was not
    kept            bigint,                        -- how many open runs stayed when it was emptied
    problem         text                           -- why it could not be emptied or dropped at the last attempt
);
COMMENT ON TABLE flowctl_catalog.leaf IS
    'the spans of time for which runs, history, calls, outcomes, receipts and attributes have leaves';
ALTER TABLE flowctl_catalog.leaf ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION flowctl.keep_house(
    at timestamptz DEFAULT pg_catalog.now(), OUT made int, OUT emptied int, OUT dropped int, OUT expired bigint)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_keep_house';
COMMENT ON FUNCTION flowctl.keep_house(timestamptz) IS
    'does at once what the housekeeper does from time to time, as if it were the given time: makes, empties and drops '
    'partitions, deletes old names and denials';
REVOKE ALL ON FUNCTION flowctl.keep_house(timestamptz) FROM PUBLIC;

CREATE FUNCTION flowctl.drop_runs_before(before timestamptz) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_drop_runs_before';
COMMENT ON FUNCTION flowctl.drop_runs_before(timestamptz) IS
    'empties the partitions that end at that time or before, whatever flowctl.retention says; open runs stay. Returns the '
    'number of partitions';
REVOKE ALL ON FUNCTION flowctl.drop_runs_before(timestamptz) FROM PUBLIC;

CREATE FUNCTION flowctl.make_partition(starts_at timestamptz, ends_at timestamptz) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_make_partition';
COMMENT ON FUNCTION flowctl.make_partition(timestamptz, timestamptz) IS
    'makes a partition for runs that start within a span of time which has none, such as runs copied from elsewhere; returns '
    'its suffix';
REVOKE ALL ON FUNCTION flowctl.make_partition(timestamptz, timestamptz) FROM PUBLIC;

CREATE VIEW flowctl.partitions WITH (security_barrier) AS
    SELECT l.starts_at, l.ends_at, l.suffix,
           (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(t.oid))::bigint
            FROM pg_catalog.pg_class t
            WHERE t.relnamespace = 'flowctl_catalog'::pg_catalog.regnamespace
              AND t.relname = ANY (ARRAY['run_' || l.suffix, 'history_event_' || l.suffix, 'call_' || l.suffix,
                                         'call_outcome_' || l.suffix, 'token_revocation_' || l.suffix, 'run_attribute_' || l.suffix]::name[])) AS bytes,
           l.emptied_at, l.kept AS runs_kept, l.problem
    FROM (SELECT starts_at, ends_at, suffix, emptied_at, kept, problem FROM flowctl_catalog.leaf
          UNION ALL SELECT NULL, NULL, 'default', NULL, NULL, NULL) l
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE') OR pg_catalog.pg_has_role('pg_monitor', 'USAGE'));
COMMENT ON VIEW flowctl.partitions IS
    'the spans of time by which runs and their records are stored; for members of pg_read_all_data and pg_monitor';
COMMENT ON COLUMN flowctl.partitions.starts_at IS
    'the first moment at which runs of this partition start; NULL for the partition of runs without a partition of their own';
COMMENT ON COLUMN flowctl.partitions.ends_at IS 'the first moment after the span';
COMMENT ON COLUMN flowctl.partitions.suffix IS
    'suffix in the names of its tables: run_, history_event_, call_, call_outcome_, token_revocation_, run_attribute_<suffix>';
COMMENT ON COLUMN flowctl.partitions.bytes IS 'size of its tables on disk, including indexes';
COMMENT ON COLUMN flowctl.partitions.emptied_at IS 'when its runs were deleted (flowctl.retention); NULL if they were not';
COMMENT ON COLUMN flowctl.partitions.runs_kept IS 'number of runs that stayed at that time because they were open';
COMMENT ON COLUMN flowctl.partitions.problem IS
    'why it could not be emptied or dropped at the last attempt; NULL if nothing went wrong';
REVOKE ALL ON flowctl.partitions FROM PUBLIC;
GRANT SELECT ON flowctl.partitions TO PUBLIC;
