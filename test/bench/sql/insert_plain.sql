INSERT INTO plain (customer, note) VALUES (7, repeat('x', 200));
