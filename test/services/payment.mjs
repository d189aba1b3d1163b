// The payment service of the demo and the tests. It charges an order, or declines an amount that is over the limit.
// Input {order, amount}; answer {payment_id, order, amount, status: "paid" | "declined"}.
import { serveProtected } from './protected.mjs';

const LIMIT = 10_000;
let last = 0;

await serveProtected(({ order, amount }) => {
    last += 1;
    return { payment_id: `pay-${last}`, order, amount, status: Number(amount) <= LIMIT ? 'paid' : 'declined' };
});
