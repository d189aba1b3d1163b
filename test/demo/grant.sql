-- test/demo/grant.sql, executed as shop: a GRANT that starts a flow.
SELECT flowctl.define_flow('tell_auditor', '{"StartAt": "Tell", "States": {"Tell": {"Type": "Pass", "End": true}}}');
SELECT flowctl.create_event_rule('order_rights', 'tell_auditor', 'permission.granted',
  filter => 'data.object.identity = "public.orders"',
  input  => '{"who": data.grantee, "may": data.privileges, "from": data.grantor}');
GRANT SELECT ON orders TO clerk;
