-- The tables of the floors, empty.
SET client_min_messages = warning;
DROP TABLE IF EXISTS one_row, bulk, history;
CREATE TABLE one_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL, note text NOT NULL);
CREATE TABLE bulk (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL, note text NOT NULL);
CREATE INDEX ON bulk (customer);
CREATE TABLE history (run_id uuid, event_id int, at timestamptz NOT NULL, type text NOT NULL, details text, PRIMARY KEY (run_id, event_id));
CHECKPOINT;
