INSERT INTO orders VALUES (1001, 12.50, 'Mill Lane 1');
INSERT INTO orders VALUES (1002, 99.99, 'Mill Lane 2'), (1003, 20000, 'Castle Hill 3');
BEGIN;
INSERT INTO orders VALUES (1004, 5, 'Nowhere 4');
ROLLBACK;
