-- test/demo/schedule.sql, executed as shop: a flow that a time starts.
SELECT flowctl.define_flow('stock_count', '{
  "StartAt": "Count",
  "States": {"Count": {"Type": "Pass", "Parameters": {"asked_by.$": "$$.Event.schedule", "for.$": "$$.Event.time"}, "End": true}}
}');
SELECT flowctl.create_schedule('every_second', 'stock_count', '* * * * * *');
