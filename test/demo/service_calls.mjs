// Prints what a step service recorded: one line for each call. The argument is the service's control address.
const calls = await (await fetch(`${process.argv[2]}/__calls`)).json();
for (const { status, refused, idempotency_key: key, token, body } of calls) {
    const { order } = JSON.parse(body);
    const bearer = token ? `client ${token.client_id}, audience ${token.aud}, scope ${token.scope}` : `refused: ${refused}`;
    console.log(`  order ${order}  key ${String(key).slice(0, 8)}...  ${status}  ${bearer}`);
}
