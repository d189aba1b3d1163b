INSERT INTO orders (customer, note) VALUES (7, repeat('x', 200));
