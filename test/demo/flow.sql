CREATE TABLE orders (id int PRIMARY KEY, amount numeric NOT NULL, address text NOT NULL);
GRANT INSERT ON orders TO clerk;

CREATE TABLE shipped (id int PRIMARY KEY REFERENCES orders, shipment text NOT NULL, run_id uuid NOT NULL);
CREATE FUNCTION book(id int, shipment text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO shipped SELECT book.id, book.shipment, run_id FROM flowctl.current_run()
$$;

SELECT flowctl.define_flow('fulfil', $flow$ {
  "Comment": "Charge the order, ship it, and book that it was shipped",
  "StartAt": "Charge",
  "States": {
    "Charge": {
      "Type": "Task",
      "Resource": "flowctl:http:payment",
      "Parameters": { "order.$": "$.after.id", "amount.$": "$.after.amount" },
      "ResultPath": "$.payment",
      "Retry": [ { "ErrorEquals": ["States.Http.StatusCode.503"], "IntervalSeconds": 1, "BackoffRate": 1.5, "MaxAttempts": 5 } ],
      "Next": "Paid?"
    },
    "Paid?": {
      "Type": "Choice",
      "Choices": [ { "Variable": "$.payment.status", "StringEquals": "paid", "Next": "Ship" } ],
      "Default": "Declined"
    },
    "Ship": {
      "Type": "Task",
      "Resource": "flowctl:http:shipping",
      "Parameters": { "order.$": "$.after.id", "payment_id.$": "$.payment.payment_id", "address.$": "$.after.address" },
      "ResultPath": "$.shipment",
      "Next": "Book"
    },
    "Book": {
      "Type": "Task",
      "Resource": "flowctl:sql:public.book",
      "Parameters": { "id.$": "$.after.id", "shipment.$": "$.shipment.shipment_id" },
      "ResultPath": null,
      "End": true
    },
    "Declined": { "Type": "Fail", "Error": "PaymentDeclined", "Cause": "the payment service declined the amount" }
  }
} $flow$);

CREATE TRIGGER fulfil AFTER INSERT ON orders
    FOR EACH ROW WHEN (NEW.amount > 0) EXECUTE FUNCTION flowctl.start_flow('fulfil');
