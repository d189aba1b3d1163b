-- Evaluating expressions as a flow would: values, undefined, and every kind of error.
SET client_min_messages = warning;
CREATE EXTENSION pg_flowctl;
CREATE ROLE regress_eval_author;
CREATE ROLE regress_eval_other;
SELECT flowctl.grant_author('regress_eval_author');
SET ROLE regress_eval_author;

-- JSONPath
SELECT flowctl.eval_jsonpath('$.order.items[?(@.price > 10)].name', '{"order": {"items": [{"name": "a", "price": 12.50}, {"name": "b", "price": 3}]}}');
SELECT flowctl.eval_jsonpath('$.n', '{"n": 12345678901234567890.50}');
SELECT flowctl.eval_jsonpath('$.none[*]', '{}');
SELECT flowctl.eval_jsonpath('$$.Execution.Name', '{}', '{"Execution": {"Name": "x"}}');
SELECT flowctl.eval_jsonpath('$.none', '{"a": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonpath('$.[', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonpath(NULL, '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonpath('$', '"\u0000"');
\echo :LAST_ERROR_SQLSTATE

-- intrinsic functions
SELECT flowctl.eval_intrinsic('States.Format(''{} of {}'', $.n, States.ArrayLength($.all))', '{"n": 1, "all": [1, 2, 3]}');
SELECT flowctl.eval_intrinsic('States.MathAdd($.n, 1)', '{"n": "x"}');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_intrinsic('States.Nothing()', '{}');
\echo :LAST_ERROR_SQLSTATE

-- JSONata
SELECT flowctl.eval_jsonata('$sum(items.(qty * price))', '{"items": [{"qty": 2, "price": 1.5}, {"qty": 1, "price": 4}]}');
SELECT flowctl.eval_jsonata('$x + 1', NULL, '{"x": 41}');
SELECT flowctl.eval_jsonata('items[price > 100]', '{"items": [{"price": 1}]}') IS NULL AS undefined;
SELECT flowctl.eval_jsonata('1 + "x"');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonata('1 +');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonata('($f := function($n) { $f($n + 1) + 1 }; $f(0))');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonata('[1..5000000].($ * 2)');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_jsonata('1', NULL, '[1]');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;

-- For authors.
SET ROLE regress_eval_other;
SELECT flowctl.eval_jsonpath('$', '1');
\echo :LAST_ERROR_SQLSTATE
SELECT flowctl.eval_intrinsic('States.UUID()', '1');
SELECT flowctl.eval_jsonata('1');
RESET ROLE;

DROP EXTENSION pg_flowctl;
DROP ROLE regress_eval_author;
DROP ROLE regress_eval_other;
