-- The flow w1 with two attributes, and a table whose trigger starts a flow with two.
SET ROLE app;
SELECT flowctl.define_flow('labelled', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}',
    options => '{"attributes": {"id": "$.id", "kind": "$substring(pad, 0, 3)"}}');
SELECT flowctl.define_flow('labelled_row', '{"StartAt": "Call", "States": {
    "Call": {"Type": "Task", "Resource": "flowctl:http:bench", "End": true}}}',
    options => '{"attributes": {"id": "$.after.id", "customer": "$.after.customer"}}');
CREATE TABLE labelled_orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int NOT NULL, note text NOT NULL);
CREATE TRIGGER fulfil AFTER INSERT ON labelled_orders FOR EACH ROW EXECUTE FUNCTION flowctl.start_flow('labelled_row');
