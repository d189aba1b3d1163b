-- Flows that wait for somebody else, and tokens as the engine makes them: by the key file, which only a superuser reads.
SELECT flowctl.create_activity('bench');
SELECT flowctl.grant_activity('bench', 'app');
SET ROLE app;
SELECT flowctl.define_flow('callback', '{"StartAt": "Ask", "States": {"Ask": {"Type": "Task",
    "Resource": "flowctl:http:bench.waitForTaskToken", "Parameters": {"token.$": "$$.Task.Token"}, "End": true}}}');
SELECT flowctl.define_flow('activity', '{"StartAt": "Work", "States": {"Work": {"Type": "Task",
    "Resource": "flowctl:activity:bench", "End": true}}}');
RESET ROLE;
CREATE TABLE token (token text);

-- HMAC-SHA256; the key, 64 hexadecimal digits, has the length of a block.
CREATE FUNCTION hmac(message bytea, inner_key bytea, outer_key bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE AS 'SELECT sha256(outer_key || sha256(inner_key || message))';
CREATE FUNCTION padded(key bytea, pad int) RETURNS bytea LANGUAGE sql IMMUTABLE AS
    'SELECT string_agg(set_byte(''\x00'', 0, get_byte(key, i) # pad), '''' ORDER BY i) FROM generate_series(0, 63) i';
CREATE FUNCTION make_tokens() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key bytea := convert_to(rtrim(pg_read_file('pg_flowctl.token_key'), E'\n'), 'UTF8');
    inner_key bytea := padded(key, 54);
    outer_key bytea := padded(key, 92);
    head bytea := '\x01'::bytea || substr(sha256(key), 1, 7);
BEGIN
    INSERT INTO token
    SELECT translate(replace(encode(m || hmac(m, inner_key, outer_key), 'base64'), E'\n', ''), '+/', '-_')
    FROM (SELECT head || uuid_send(run_id) || uuid_send(place) AS m FROM flowctl_catalog.waiting_task) t;
END $$;
