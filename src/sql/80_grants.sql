
-- Privileges, said in full: what PUBLIC may have, and that nobody but the owner touches the engine's tables. Functions whose
-- rights are checked inside are executable for all (flow_rights.hpp says by what).

-- Views read the engine's tables by their owner's rights, and a view's function was found when the view was made: so nobody
-- needs USAGE on flowctl_catalog.
REVOKE ALL ON SCHEMA flowctl, flowctl_catalog FROM PUBLIC;
GRANT USAGE ON SCHEMA flowctl TO PUBLIC;

COMMENT ON SCHEMA flowctl IS 'workflows in Amazon States Language: functions and views for users';
COMMENT ON SCHEMA flowctl_catalog IS 'tables of pg_flowctl''s engine, which nobody else reads or writes; users have the views and functions in flowctl';
COMMENT ON SEQUENCE flowctl_catalog.denial_denial_id_seq IS 'numbers of the rows of flowctl_catalog.denial';
COMMENT ON SEQUENCE flowctl_catalog.control_control_id_seq IS 'numbers of the rows of flowctl_catalog.control';

REVOKE ALL ON ALL SEQUENCES IN SCHEMA flowctl_catalog FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA flowctl, flowctl_catalog FROM PUBLIC;
GRANT SELECT ON flowctl.flows, flowctl.flow_versions, flowctl.runs, flowctl.map_runs, flowctl.history, flowctl.steps, flowctl.calls,
    flowctl.workers, flowctl.issuers, flowctl.denials, flowctl.policies, flowctl.partitions, flowctl.leases, flowctl.lease_rules TO PUBLIC;

-- Members of pg_read_all_data and pg_write_all_data need no GRANT. Without policies the tables of runs are empty and closed to
-- them, too; the views show the former what there is. Not the tables that pg_dump takes (only_engine_writes, 10_tables.sql).
DO $$
DECLARE
    engine_table regclass;
BEGIN
    FOR engine_table IN
        SELECT c.oid FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'flowctl_catalog'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p')
          AND c.relname NOT IN ('flow', 'flow_version', 'flow_grant', 'author', 'policy', 'lease_rule')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', engine_table);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION
    flowctl.define_flow(text, json, text, text, jsonb), flowctl.validate(json, text), flowctl.drop_flow(text),
    flowctl.alter_flow_owner(text, regrole), flowctl.grant_start(text, regrole), flowctl.revoke_start(text, regrole),
    flowctl.grant_author(regrole), flowctl.revoke_author(regrole)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    flowctl.define_flow(text, json, text, text, jsonb), flowctl.validate(json, text), flowctl.drop_flow(text),
    flowctl.alter_flow_owner(text, regrole), flowctl.grant_start(text, regrole), flowctl.revoke_start(text, regrole),
    flowctl.grant_author(regrole), flowctl.revoke_author(regrole)
    TO PUBLIC;

-- The view flowctl.workers calls it as the user who reads the view.
REVOKE ALL ON FUNCTION flowctl_catalog.worker_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.worker_status() TO PUBLIC;
-- And this one for flowctl.issuers; it shows issuers to who may use them.
REVOKE ALL ON FUNCTION flowctl_catalog.issuer_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl_catalog.issuer_status() TO PUBLIC;
