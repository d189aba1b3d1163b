SELECT h.event_id AS id, h.previous_event_id AS prev, to_char(h.at, 'HH24:MI:SS.MS') AS at, h.type,
       left(coalesce(h.details->>'name', h.details->>'error', h.details->>'resource', ''), 40) AS what,
       left(coalesce(h.details->>'cause', h.details->>'output', h.details->>'input', ''), 70) AS "cause, output or input"
FROM flowctl.history h JOIN flowctl.runs r USING (run_id)
WHERE r.input->'after'->>'id' = '1002' ORDER BY h.event_id;
