INSERT INTO bulk (customer, note) SELECT (random() * 100000)::int, repeat('x', 300) FROM generate_series(1, 1000);
