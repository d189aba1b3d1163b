-- Runs that fail in their first drive and succeed in the second, and runs that wait until they are stopped.
SET ROLE app;
SELECT flowctl.define_flow('second_drive', '{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
    "A": {"Type": "Pass", "Output": "{% $states.context.Execution.RedriveCount = 0 ? $error(''not yet'') : 1 %}", "End": true}}}');
SELECT flowctl.define_flow('held', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 36000, "End": true}}}');
