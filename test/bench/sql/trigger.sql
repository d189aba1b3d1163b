-- Two tables that are the same but for the trigger.
SET ROLE app;
CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL, note text NOT NULL);
CREATE TABLE orders (LIKE plain INCLUDING ALL);
CREATE TRIGGER fulfil AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('w1');
