// The shipping service of the demo and the tests: books a parcel for a paid order.
// Input {order, payment_id, address}; answer {shipment_id, order, carrier}.
import { serveProtected } from './protected.mjs';

let last = 0;

await serveProtected(({ order, payment_id: payment }) => {
    last += 1;
    return { shipment_id: `ship-${last}`, order, payment, carrier: 'Snail & Sons' };
});
