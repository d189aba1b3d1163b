-- Trying a state: the output of one state of a flow for an input. The function is for people who write flows,
-- so it checks that its caller is an author. It reads no catalog and uses no network.

CREATE FUNCTION flowctl.test_state(definition json, input jsonb, state_name text DEFAULT NULL, variables jsonb DEFAULT '{}',
        context jsonb DEFAULT NULL, mock jsonb DEFAULT NULL, inspection_level text DEFAULT 'INFO',
        configuration jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_test_state';
COMMENT ON FUNCTION flowctl.test_state(json, jsonb, text, jsonb, jsonb, jsonb, text, jsonb) IS
    'evaluates one state with an input, as AWS''s TestState does: {status, output, error, cause, nextState, inspectionData}. '
    'Nothing is called; a mock gives the result of a Task, Parallel or Map. For authors';

REVOKE ALL ON FUNCTION flowctl.test_state(json, jsonb, text, jsonb, jsonb, jsonb, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.test_state(json, jsonb, text, jsonb, jsonb, jsonb, text, jsonb) TO PUBLIC;
