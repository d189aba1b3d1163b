INSERT INTO one_row (customer, note) VALUES (7, repeat('x', 200));
