-- Flows and what belongs to them, as one document: for version control, review, and other servers.
--
-- The functions read views and call functions of schema flowctl as their caller, so PUBLIC has EXECUTE.

CREATE FUNCTION flowctl.export(pattern text DEFAULT '%') RETURNS jsonb
    LANGUAGE c STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_export';
COMMENT ON FUNCTION flowctl.export(text) IS
    'the flows, schedules, activities, shared limits, policies, lease rules and event rules that one sees and whose names are '
    'LIKE the pattern, as a document for flowctl.import. It has nothing of runs, no secret and no oid, and equal databases '
    'give equal documents';

CREATE FUNCTION flowctl.import(document jsonb, dry_run boolean DEFAULT true, OUT change text) RETURNS SETOF text
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_import';
COMMENT ON FUNCTION flowctl.import(jsonb, boolean) IS
    'makes the objects of the document be as it says, with the rights of the caller, and returns each change in words; objects '
    'that it does not name stay. By default it is a dry run, which changes nothing';

REVOKE ALL ON FUNCTION flowctl.export(text), flowctl.import(jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.export(text), flowctl.import(jsonb, boolean) TO PUBLIC;
