-- Trying a state: what one state of a flow does with an input. The function is for people who write flows, so it checks
-- inside that its caller is an author. It reads no catalog and uses no network.

CREATE FUNCTION flowctl.test_state(definition json, input jsonb, state_name text DEFAULT NULL, variables jsonb DEFAULT '{}',
        context jsonb DEFAULT NULL, mock jsonb DEFAULT NULL, inspection_level text DEFAULT 'INFO',
        configuration jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_test_state';
COMMENT ON FUNCTION flowctl.test_state(json, jsonb, text, jsonb, jsonb, jsonb, text, jsonb) IS
    'what one state does with an input, as AWS''s TestState: {status, output, error, cause, nextState, inspectionData}. Nothing is called; a mock says what a Task, Parallel or Map gives. For authors';

REVOKE ALL ON FUNCTION flowctl.test_state(json, jsonb, text, jsonb, jsonb, jsonb, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.test_state(json, jsonb, text, jsonb, jsonb, jsonb, text, jsonb) TO PUBLIC;
