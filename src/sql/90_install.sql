-- The end of the installation.

-- ALTER DEFAULT PRIVILEGES may have granted rights on the objects of this script. These rights are taken
-- back, so that only the rights in the pieces above remain.
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s', o.name,
                                 CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END)
        FROM (SELECT 'SCHEMA ' || n.nspname, false, n.oid, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n
              UNION ALL
              SELECT 'TABLE ' || c.oid::pg_catalog.regclass, c.relnamespace = 'flowctl_catalog'::pg_catalog.regnamespace, c.relnamespace,
                     c.relowner, c.relacl
              FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p', 'v')
              UNION ALL
              SELECT 'ROUTINE ' || p.oid::pg_catalog.regprocedure, false, p.pronamespace, p.proowner, p.proacl
              FROM pg_catalog.pg_proc p) o (name, is_closed, schema, owner, acl),
             pg_catalog.aclexplode(o.acl) a
        WHERE o.schema IN ('flowctl'::pg_catalog.regnamespace, 'flowctl_catalog'::pg_catalog.regnamespace)
          AND a.grantee <> o.owner AND (a.grantee <> 0 OR o.is_closed)
    LOOP
        EXECUTE command;
    END LOOP;
END $$;

-- The tables that pg_dump takes are those without row-level security. A trigger keeps other roles from writing to
-- them (00_schemas.sql). A database's owner must be able to dump it, whoever owns the flows, and pg_dump locks and
-- reads these tables.
GRANT USAGE ON SCHEMA flowctl_catalog TO pg_database_owner;
DO $$
DECLARE
    dumped regclass;
BEGIN
    FOR dumped IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'flowctl_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND NOT c.relispartition
          AND NOT c.relrowsecurity
    LOOP
        EXECUTE pg_catalog.format('CREATE TRIGGER only_engine_writes BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
            'FOR EACH STATEMENT EXECUTE FUNCTION flowctl_catalog.only_engine_writes()', dumped);
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER only_engine_writes', dumped);
        EXECUTE pg_catalog.format('COMMENT ON TRIGGER only_engine_writes ON %s IS %L', dumped,
            'refuses writes by roles without the privileges of the table''s owner');
        EXECUTE pg_catalog.format('GRANT SELECT ON %s TO pg_database_owner', dumped);
    END LOOP;
END $$;

-- The flows may act in the place where the extension is installed.
SELECT flowctl_catalog.register_installation();

-- Makes the first leaves. The housekeeper makes later ones.
DO $$ BEGIN PERFORM flowctl.keep_house(); END $$;
