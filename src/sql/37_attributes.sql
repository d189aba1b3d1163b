-- Attributes: the way from a row of the application to its runs.
--
-- A start writes the attributes twice. The run's row has them all, for the view runs. This table has a row and
-- one index entry for each value, so a run is found by its value and the table needs no index by run. It is
-- partitioned as run is, and its rows go together with their runs.
CREATE TABLE flowctl_catalog.run_attribute (
    run_id          uuid        NOT NULL,
    name            text        COLLATE "C" NOT NULL,   -- which is compared faster than by a language's order
    value           text        COLLATE "C" NOT NULL,
    -- It finds the runs that have a value. A publication FOR ALL TABLES wants it before rows can be deleted.
    PRIMARY KEY (value, name, run_id)
) PARTITION BY RANGE (run_id);
COMMENT ON TABLE flowctl_catalog.run_attribute IS 'values by which runs are found (option attributes of flows)';
ALTER TABLE flowctl_catalog.run_attribute ALTER COLUMN value SET STATISTICS 0;
ALTER TABLE flowctl_catalog.run_attribute ENABLE ROW LEVEL SECURITY;

CREATE TABLE flowctl_catalog.run_attribute_default PARTITION OF flowctl_catalog.run_attribute DEFAULT;
COMMENT ON TABLE flowctl_catalog.run_attribute_default IS 'the leaf for attributes of runs whose time has no leaf of its own';
ALTER TABLE flowctl_catalog.run_attribute_default ALTER COLUMN value SET STATISTICS 0;
ALTER TABLE flowctl_catalog.run_attribute_default ENABLE ROW LEVEL SECURITY;

-- A value is a part of the input, so whoever may not see the input does not find the run by it.
CREATE VIEW flowctl.run_attributes WITH (security_barrier) AS
    SELECT a.run_id, r.flow, a.name, a.value
    FROM flowctl_catalog.run_attribute a
         JOIN flowctl_catalog.run r ON r.run_id = a.run_id
         LEFT JOIN flowctl_catalog.flow w ON w.flow_id = r.flow_id
    WHERE flowctl_catalog.may_read_payload(r.flow_id, coalesce(w.owner::oid, r.flow_owner::oid), r.role::oid,
                                           CASE WHEN r.forked_from IS NULL THEN r.starter::oid ELSE 0 END);
COMMENT ON VIEW flowctl.run_attributes IS
    'attributes of runs: a row for each value that an expression of the flow''s option attributes found in the input';
COMMENT ON COLUMN flowctl.run_attributes.run_id IS 'the run';
COMMENT ON COLUMN flowctl.run_attributes.flow IS 'name of its flow';
COMMENT ON COLUMN flowctl.run_attributes.name IS 'name of the attribute';
COMMENT ON COLUMN flowctl.run_attributes.value IS 'the value as text';
REVOKE ALL ON flowctl.run_attributes FROM PUBLIC;
GRANT SELECT ON flowctl.run_attributes TO PUBLIC;

CREATE FUNCTION flowctl.find_runs(name text, value text) RETURNS TABLE (run_id uuid)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
    AS $$ SELECT a.run_id FROM flowctl.run_attributes a WHERE a.name = $1 AND a.value = $2 ORDER BY a.run_id DESC $$;
COMMENT ON FUNCTION flowctl.find_runs(text, text) IS
    'the runs that have this attribute with this value, latest first, as far as the current role may see their inputs';
REVOKE ALL ON FUNCTION flowctl.find_runs(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.find_runs(text, text) TO PUBLIC;
