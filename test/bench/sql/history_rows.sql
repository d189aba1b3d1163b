INSERT INTO history
SELECT run_id, event_id, clock_timestamp(), 'TaskSucceeded', repeat('x', 100)
FROM (SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7' ||
              substr(md5(random()::text), 1, 19))::uuid AS run_id FROM generate_series(1, 143)) r, generate_series(1, 7) event_id;
