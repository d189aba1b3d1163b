SELECT r.input->'after'->>'id' AS "order", s.state, s.type, s.status, s.attempts, s.error AS "last error",
       round(1000 * extract(epoch FROM s.exited_at - s.entered_at)) AS ms
FROM flowctl.steps s JOIN flowctl.runs r USING (run_id)
     JOIN flowctl.history h ON h.run_id = s.run_id AND h.type LIKE '%StateEntered' AND h.details->>'name' = s.state
ORDER BY 1, h.event_id;
