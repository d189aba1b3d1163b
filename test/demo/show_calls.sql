SELECT r.input->'after'->>'id' AS "order", c.state, c.attempt, c.endpoint, c.host, c.client_id AS "as client", c.audience, c.scope,
       c.http_status AS status, round(1000 * extract(epoch FROM c.duration)) AS ms, left(c.idempotency_key, 8) || '...' AS "idempotency key"
FROM flowctl.calls c JOIN flowctl.runs r USING (run_id) ORDER BY 1, c.started_at;
