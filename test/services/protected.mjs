// A step service behind a token check: what payment.mjs and shipping.mjs share.
//
// It trusts nothing but the issuer's keys: the signature is checked against the JWKS that the issuer publishes, then
// issuer, type, audience and expiry (without leeway), then the scope. Who fails gets RFC 6750's answer: 401
// invalid_token, or 403 insufficient_scope. Refused calls are recorded too, with the reason; the token itself is not.
//
// Environment: ISSUER, AUDIENCE, SCOPE, and what serve.mjs reads. Trust in the issuer's certificate comes from
// NODE_EXTRA_CA_CERTS. Control beside serve.mjs's: POST /__fail {order, times, status} lets the next calls for an order fail.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

// work(input) returns the service's answer; it is asked once per Idempotency-Key and its answer repeated afterwards.
export async function serveProtected(work) {
    const { ISSUER, AUDIENCE, SCOPE } = process.env;
    const script = new Script();
    const failures = new Map();  // order -> { times, status }
    const done = new Map();      // Idempotency-Key -> answer
    const keys = await issuerKeys(ISSUER);

    const handler = async (request, response) => {
        const { call, bytes } = await receive(script, request, response, { idempotency_key: request.headers['idempotency-key'] });
        const reply = (what) => answer(script, what, { request, response, call, bytes });
        redactToken(call);
        const refusal = await check(request.headers.authorization, { keys, issuer: ISSUER, audience: AUDIENCE, scope: SCOPE, call });
        if (refusal) {
            call.refused = refusal.body.error_description;
            return reply(refusal);
        }
        const scripted = script.next(call.path);
        if (scripted) return reply(scripted);
        let input;
        try {
            input = JSON.parse(bytes.toString('utf8'));
        } catch {
            return reply({ status: 400, body: { error: 'the body is not JSON' } });
        }
        const failure = failures.get(String(input.order));
        if (failure && failure.times > 0) {
            failure.times -= 1;
            return reply({ status: failure.status, body: { error: 'temporarily out of order' } });
        }
        const key = call.idempotency_key;
        call.repeated = done.has(key);
        const result = call.repeated ? done.get(key) : work(input);
        if (key) done.set(key, result);
        return reply({ body: result });
    };

    await serve({
        script,
        makeHandler: () => handler,
        routes: {
            'POST /__fail': ({ order, times = 1, status = 503 }) => {
                failures.set(String(order), { times, status });
            },
        },
    });
}

async function issuerKeys(issuer) {
    const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    return createRemoteJWKSet(new URL(metadata.jwks_uri));
}

// Nothing when the token is good, else the answer that says why not.
async function check(authorization, { keys, issuer, audience, scope, call }) {
    const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/.exec(authorization ?? '')?.[1];
    if (!token) return refuse(401, 'invalid_token', 'no bearer token');
    try {
        const { payload } = await jwtVerify(token, keys, {
            issuer, audience, typ: 'at+jwt', clockTolerance: 0, algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
            requiredClaims: ['exp', 'iat', 'client_id', 'jti'],
        });
        call.token = { client_id: payload.client_id, sub: payload.sub, aud: payload.aud, scope: payload.scope, exp: payload.exp, jti: payload.jti };
        if (!String(payload.scope ?? '').split(' ').includes(scope)) {
            return refuse(403, 'insufficient_scope', `scope ${scope} is needed`);
        }
        return undefined;
    } catch (error) {
        return refuse(401, 'invalid_token', error.message);
    }
}

function refuse(status, error, description) {
    const safe = description.replaceAll(/[^\x20-\x7e]|["\\]/g, "'");
    return {
        status,
        headers: { 'www-authenticate': `Bearer error="${error}", error_description="${safe}"` },
        body: { error, error_description: safe },
    };
}

function redactToken(call) {
    if (call.headers.authorization) call.headers = { ...call.headers, authorization: 'Bearer (not kept)' };
    delete call.raw_headers;
}
