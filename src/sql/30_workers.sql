
-- Workers and installation. Internal functions are for the script and the views.

CREATE FUNCTION flowctl_catalog.worker_status(
    OUT database name, OUT pid int, OUT shard int, OUT shards int, OUT started_at timestamptz, OUT runs_open bigint,
    OUT calls_open bigint, OUT turns bigint, OUT events bigint, OUT last_turn_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_worker_status';
COMMENT ON FUNCTION flowctl_catalog.worker_status() IS 'the workers of this database; read the view flowctl.workers';

CREATE FUNCTION flowctl_catalog.issuer_status(
    OUT server text, OUT pid int, OUT issuer text, OUT token_requests bigint, OUT tokens_issued bigint, OUT failures bigint,
    OUT cached_tokens bigint, OUT last_success timestamptz, OUT last_failure timestamptz, OUT last_failure_message text,
    OUT circuit text, OUT circuit_until timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_issuer_status';
COMMENT ON FUNCTION flowctl_catalog.issuer_status() IS
    'what each worker of this database knows of the issuers that the caller may use; read the view flowctl.issuers';

CREATE FUNCTION flowctl_catalog.register_installation() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_register_installation';
COMMENT ON FUNCTION flowctl_catalog.register_installation() IS 'internal: called once by the extension script';
REVOKE ALL ON FUNCTION flowctl_catalog.register_installation() FROM PUBLIC;

CREATE FUNCTION flowctl.activate() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_activate';
COMMENT ON FUNCTION flowctl.activate() IS
    'lets a copied database work: from now on its runs go on and its calls leave';
-- Whoever activates a copy sends the original's calls a second time: the owner decides.
REVOKE ALL ON FUNCTION flowctl.activate() FROM PUBLIC;

-- Keeping house: the leaves of the partitioned tables (10_tables.sql), and what has been kept for long enough.
CREATE FUNCTION flowctl.keep_house(
    at timestamptz DEFAULT pg_catalog.now(), OUT made int, OUT emptied int, OUT dropped int, OUT expired bigint)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_keep_house';
COMMENT ON FUNCTION flowctl.keep_house(timestamptz) IS
    'does at once what the housekeeper does by itself, as if it were the given time: makes, empties and drops partitions, forgets names and denials';
REVOKE ALL ON FUNCTION flowctl.keep_house(timestamptz) FROM PUBLIC;

CREATE FUNCTION flowctl.drop_runs_before(before timestamptz) RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_drop_runs_before';
COMMENT ON FUNCTION flowctl.drop_runs_before(timestamptz) IS
    'empties the partitions that end at that time or before, whatever flowctl.retention says; open runs stay. Gives how many there were';
REVOKE ALL ON FUNCTION flowctl.drop_runs_before(timestamptz) FROM PUBLIC;

CREATE FUNCTION flowctl.make_partition(starts_at timestamptz, ends_at timestamptz) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_make_partition';
COMMENT ON FUNCTION flowctl.make_partition(timestamptz, timestamptz) IS
    'makes a partition for runs that start within a span of time which has none, such as runs brought in from elsewhere; gives its suffix';
REVOKE ALL ON FUNCTION flowctl.make_partition(timestamptz, timestamptz) FROM PUBLIC;
