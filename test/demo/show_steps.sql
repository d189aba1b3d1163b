SELECT r.input->'after'->>'id' AS "order", s.state, s.type, s.status, s.attempts, s.error,
       round(1000 * extract(epoch FROM s.exited_at - s.entered_at)) AS ms
FROM flowctl.steps s JOIN flowctl.runs r USING (run_id) ORDER BY 1, s.entered_at;
