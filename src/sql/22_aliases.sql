-- Aliases: names for versions of a flow, such as live or beta, which starts, triggers and other flows use.
--
-- An alias leads to one version or, with weights, to two. The tables have no foreign keys, as in 20_flows.sql.
CREATE TABLE flowctl_catalog.alias (
    flow_id         uuid        NOT NULL,
    alias           text        NOT NULL CHECK (alias ~ '^[A-Za-z0-9_-]{1,80}$' AND alias !~ '^[0-9]+$'),
    version         int         NOT NULL,
    second_version  int,
    second_weight   int         NOT NULL DEFAULT 0 CHECK (second_weight BETWEEN 0 AND 100),
    set_by          name        NOT NULL,
    set_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow_id, alias)
);
COMMENT ON TABLE flowctl_catalog.alias IS 'names for versions of flows (flowctl.set_alias)';
SELECT pg_catalog.pg_extension_config_dump('flowctl_catalog.alias', '');

CREATE FUNCTION flowctl.set_alias(flow text, alias text, version int, second_version int DEFAULT NULL, second_weight int DEFAULT 0)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_set_alias';
COMMENT ON FUNCTION flowctl.set_alias(text, text, int, int, int) IS
    'lets ''flow:alias'' stand for a version from this transaction''s commit on; second_weight percent of the starts go to '
    'second_version. A new alias is made, an old one is changed (AWS: CreateStateMachineAlias). For the flow''s owner';

CREATE FUNCTION flowctl.drop_alias(flow text, alias text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_alias';
COMMENT ON FUNCTION flowctl.drop_alias(text, text) IS 
    'removes an alias; refused while triggers or the option on_failure of a flow name it. For the flow''s owner';

CREATE FUNCTION flowctl.drop_version(flow text, version int) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_drop_version';
COMMENT ON FUNCTION flowctl.drop_version(text, int) IS
    'removes a version of a flow; refused for the newest one, while runs of it are open, and while aliases, triggers or the '
    'option on_failure of a flow name it. '
    'Its past runs stay in the views, and cannot be redriven (AWS: DeleteStateMachineVersion). For the flow''s owner';

REVOKE ALL ON FUNCTION flowctl.set_alias(text, text, int, int, int), flowctl.drop_alias(text, text), flowctl.drop_version(text, int)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.set_alias(text, text, int, int, int), flowctl.drop_alias(text, text), flowctl.drop_version(text, int)
    TO PUBLIC;

CREATE VIEW flowctl.aliases WITH (security_barrier) AS
    SELECT f.name AS flow, a.alias, a.version, a.second_version, a.second_weight, a.set_by, a.set_at
    FROM flowctl_catalog.alias a JOIN flowctl_catalog.flow f ON f.flow_id = a.flow_id
    WHERE (SELECT pg_catalog.pg_has_role('pg_read_all_data', 'USAGE'))
       OR f.owner::oid IN (SELECT m.oid FROM flowctl_catalog.my_role m)
       OR f.flow_id IN (SELECT g.flow_id FROM flowctl_catalog.my_flow_grant g);
COMMENT ON VIEW flowctl.aliases IS 'aliases of the flows that the current role owns or has been granted something on';
COMMENT ON COLUMN flowctl.aliases.flow IS 'name of the flow';
COMMENT ON COLUMN flowctl.aliases.alias IS 'the name: ''flow:alias'' starts';
COMMENT ON COLUMN flowctl.aliases.version IS 'the version that it leads to';
COMMENT ON COLUMN flowctl.aliases.second_version IS 'another version that it leads to; NULL if there is none';
COMMENT ON COLUMN flowctl.aliases.second_weight IS 'how many of 100 starts go to second_version';
COMMENT ON COLUMN flowctl.aliases.set_by IS 'the role that set it last';
COMMENT ON COLUMN flowctl.aliases.set_at IS 'when it was set last';
REVOKE ALL ON flowctl.aliases FROM PUBLIC;
GRANT SELECT ON flowctl.aliases TO PUBLIC;
