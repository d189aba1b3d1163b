
-- Workers and installation. Internal functions are for the script and the views.

CREATE FUNCTION flowctl.worker_status(
    OUT database name, OUT pid int, OUT shard int, OUT shards int, OUT started_at timestamptz, OUT runs_open bigint,
    OUT calls_open bigint, OUT turns bigint, OUT events bigint, OUT last_turn_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_worker_status';
COMMENT ON FUNCTION flowctl.worker_status() IS 'the workers of this database; read the view flowctl.workers';

CREATE FUNCTION flowctl.register_installation() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_register_installation';
COMMENT ON FUNCTION flowctl.register_installation() IS 'internal: called once by the extension script';
REVOKE ALL ON FUNCTION flowctl.register_installation() FROM PUBLIC;

CREATE FUNCTION flowctl.activate() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'flowctl_activate';
COMMENT ON FUNCTION flowctl.activate() IS
    'lets a copied database work: from now on its runs go on and its calls leave';
-- Whoever activates a copy sends the original's calls a second time: the owner decides.
REVOKE ALL ON FUNCTION flowctl.activate() FROM PUBLIC;
