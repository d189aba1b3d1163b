-- Trying an expression: the value of a path, an intrinsic function or a JSONata expression for an input. The
-- functions are for people who write flows, so each checks that its caller is an author. They read no catalog
-- and use no network.

CREATE FUNCTION flowctl.eval_jsonpath(path text, input json, context json DEFAULT '{}') RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_eval_jsonpath';
COMMENT ON FUNCTION flowctl.eval_jsonpath(text, json, json) IS
    'the value of a flow''s JSONPath for an input ($) and a Context Object ($$); an error if a definite path leads nowhere. '
    'For authors';

CREATE FUNCTION flowctl.eval_intrinsic(expression text, input json, context json DEFAULT '{}') RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_eval_intrinsic';
COMMENT ON FUNCTION flowctl.eval_intrinsic(text, json, json) IS
    'the value of an intrinsic function such as States.Format(''{}'', $.x) for an input ($) and a Context Object ($$). For '
    'authors';

CREATE FUNCTION flowctl.eval_jsonata(expression text, input json DEFAULT NULL, bindings json DEFAULT '{}') RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'flowctl_eval_jsonata';
COMMENT ON FUNCTION flowctl.eval_jsonata(text, json, json) IS
    'the value of a JSONata 2.2.2 expression for an input (NULL: undefined) and variables {name: value}; NULL if it is '
    'undefined. The message of an error begins with JSONata''s code. For authors';

REVOKE ALL ON FUNCTION flowctl.eval_jsonpath(text, json, json), flowctl.eval_intrinsic(text, json, json),
    flowctl.eval_jsonata(text, json, json) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION flowctl.eval_jsonpath(text, json, json), flowctl.eval_intrinsic(text, json, json),
    flowctl.eval_jsonata(text, json, json) TO PUBLIC;
