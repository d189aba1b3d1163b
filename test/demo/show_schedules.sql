SELECT s.name, s.schedule, s.status, r.status AS first_run, r.output
FROM flowctl.schedules s, LATERAL (SELECT status, output FROM flowctl.runs WHERE flow = s.flow ORDER BY run_id LIMIT 1) r;
