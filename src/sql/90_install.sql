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

-- A database's owner must be able to dump it, whoever owns the flows, and pg_dump locks and reads the tables
-- that it takes.
GRANT USAGE ON SCHEMA flowctl_catalog TO pg_database_owner;
GRANT SELECT ON flowctl_catalog.flow, flowctl_catalog.flow_version, flowctl_catalog.flow_grant, flowctl_catalog.alias,
    flowctl_catalog.author, flowctl_catalog.policy, flowctl_catalog.lease_rule, flowctl_catalog.hold,
    flowctl_catalog.activity, flowctl_catalog.activity_grant, flowctl_catalog.named_limit, flowctl_catalog.limit_grant,
    flowctl_catalog.pause, flowctl_catalog.quota TO pg_database_owner;

-- The flows may act in the place where the extension is installed.
SELECT flowctl_catalog.register_installation();

-- Makes the first leaves. The housekeeper makes later ones.
DO $$ BEGIN PERFORM flowctl.keep_house(); END $$;
