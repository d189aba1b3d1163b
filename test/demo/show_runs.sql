SELECT input->'after'->>'id' AS "order", flow, version AS v, status, error,
       output->'payment'->>'payment_id' AS payment, output->'shipment'->>'shipment_id' AS shipment,
       session_user_name AS "inserted by", role AS "runs as",
       round(1000 * extract(epoch FROM ended_at - started_at)) AS ms
FROM flowctl.runs ORDER BY 1;
