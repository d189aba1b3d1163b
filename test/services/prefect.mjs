// Prefect's API as far as a deployment's flow runs go: they are created, are in a state, and end when the test says so.
//
// API_KEY is what the Authorization header must carry (Bearer). A flow run is SCHEDULED, then RUNNING, until
// POST /__end {type, message} gives those that run their last state. One idempotency key makes one flow run.
// Environment: DEPLOYMENT, API_KEY, and what serve.mjs reads. https when PKI is set.
import crypto from 'node:crypto';
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const { DEPLOYMENT, API_KEY } = process.env;
const script = new Script();
const runs = new Map();    // id -> flow run
const byKey = new Map();   // idempotency key -> flow run
const state = (type, message = null) => ({ id: crypto.randomUUID(), type, name: type[0] + type.slice(1).toLowerCase(), message, timestamp: new Date().toISOString() });

function create({ parameters, idempotency_key }) {
    if (byKey.has(idempotency_key)) return byKey.get(idempotency_key);
    const run = { id: crypto.randomUUID(), name: 'brave-otter', deployment_id: DEPLOYMENT, parameters, idempotency_key, state_type: 'SCHEDULED', state: state('SCHEDULED') };
    runs.set(run.id, run);
    byKey.set(idempotency_key, run);
    return run;
}

function show(run) {
    if (run.state_type === 'SCHEDULED') Object.assign(run, { state_type: 'RUNNING', state: state('RUNNING') });
    return run;
}

await serve({
    script,
    makeHandler: () => async (request, response) => {
        const { call, bytes } = await receive(script, request, response);
        const reply = (what) => answer(script, what, { request, response, call, bytes });
        call.authorized = request.headers.authorization === `Bearer ${API_KEY}`;
        call.headers = { ...call.headers, authorization: '(not kept)' };
        delete call.raw_headers;
        if (!call.authorized) return reply({ status: 401, body: { detail: `who is ${request.headers.authorization}?` } });
        const scripted = script.next(call.path);
        if (scripted) return reply(scripted);
        if (request.method === 'POST' && call.path === `/api/deployments/${DEPLOYMENT}/create_flow_run`) {
            return reply({ status: 201, body: create(JSON.parse(bytes)) });
        }
        const run = runs.get(/^\/api\/flow_runs\/([0-9a-f-]+)$/.exec(call.path)?.[1]);
        return reply(run && request.method === 'GET' ? { body: show(run) } : { status: 404, body: { detail: 'Not Found' } });
    },
    routes: {
        'POST /__end': ({ type, message }) => {
            for (const run of runs.values()) if (run.state_type === 'RUNNING') Object.assign(run, { state_type: type, state: state(type, message) });
        },
        'POST /__count': () => ({ runs: runs.size }),
    },
});
