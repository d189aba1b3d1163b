-- Logical replication. Runs belong to the server that started them: if a worker found another server's open
-- runs in its tables, it would carry them out a second time, and it would obey rights granted on the other
-- server. So rows that come by replication are left out of the engine's tables (replicated_rows.cpp), and
-- each database keeps its own. With ENABLE REPLICA the triggers fire only if session_replication_role is
-- replica, as in a subscription's workers.
CREATE FUNCTION flowctl_catalog.leave_out_replicated() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_leave_out_replicated';
COMMENT ON FUNCTION flowctl_catalog.leave_out_replicated() IS 'trigger function of the engine''s tables: leaves out rows that come by replication';
REVOKE ALL ON FUNCTION flowctl_catalog.leave_out_replicated() FROM PUBLIC;

DO $$
DECLARE
    engine_table regclass;
BEGIN
    FOR engine_table IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'flowctl_catalog'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        EXECUTE pg_catalog.format('CREATE TRIGGER leave_out_replicated BEFORE INSERT OR UPDATE OR DELETE ON %s '
            'FOR EACH ROW EXECUTE FUNCTION flowctl_catalog.leave_out_replicated()', engine_table);
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE REPLICA TRIGGER leave_out_replicated', engine_table);
        EXECUTE pg_catalog.format('COMMENT ON TRIGGER leave_out_replicated ON %s IS %L', engine_table,
            'leaves out rows that come by replication');
    END LOOP;
END $$;
