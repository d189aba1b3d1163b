// A step service behind a token check: what payment.mjs and shipping.mjs share.
//
// It trusts nothing but the issuer's keys: the signature is checked against the JWKS that the issuer publishes, then
// issuer, type, audience and expiry (without leeway), then the scope. A call that
// fails gets RFC 6750's answer: 401 invalid_token, or 403 insufficient_scope. A token that is bound to a key (cnf) is good
// only with that key: with a DPoP proof made for this very request (with DPOP_NONCE=1 one that holds our nonce), or with
// the client's certificate. Refused calls are recorded, too, with the reason; the token itself is not.
//
// Environment: ISSUER, AUDIENCE, SCOPE, and what serve.mjs reads. Trust in the issuer's certificate comes from
// NODE_EXTRA_CA_CERTS. Control beside serve.mjs's: POST /__fail {order, times, status} lets the next calls for an order fail.
import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, createRemoteJWKSet, EmbeddedJWK, jwtVerify } from 'jose';
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const NONCE = 'a-nonce-of-the-service';
const seenProofs = new Set();

// work(input) returns the service's answer. It is called once for each Idempotency-Key; later its answer is repeated.
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
        const refusal = await check(request.headers.authorization, { keys, issuer: ISSUER, audience: AUDIENCE, scope: SCOPE, call, request });
        if (refusal) {
            call.refused = refusal.body.error_description ?? refusal.body.error;
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

// Returns nothing when the token is good, or else the answer that says why it is not.
async function check(authorization, { keys, issuer, audience, scope, call, request }) {
    const [, scheme, token] = /^(Bearer|DPoP) ([A-Za-z0-9._~+/-]+=*)$/.exec(authorization ?? '') ?? [];
    if (!token) return refuse(401, 'invalid_token', 'no bearer token');
    try {
        const { payload } = await jwtVerify(token, keys, {
            issuer, audience, typ: 'at+jwt', clockTolerance: 0, algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
            requiredClaims: ['exp', 'iat', 'client_id', 'jti'],
        });
        const unbound = await checkBinding(payload.cnf ?? {}, { scheme, token, request, call });
        if (unbound) return unbound;
        call.token = { act: payload.act, cnf: payload.cnf, client_id: payload.client_id, sub: payload.sub, aud: payload.aud, scope: payload.scope, exp: payload.exp, jti: payload.jti };
        if (!String(payload.scope ?? '').split(' ').includes(scope)) {
            return refuse(403, 'insufficient_scope', `scope ${scope} is needed`);
        }
        return undefined;
    } catch (error) {
        return refuse(401, 'invalid_token', error.message);
    }
}

// Returns nothing when the token is not bound, or is bound to the proof that came with it.
async function checkBinding(cnf, { scheme, token, request, call }) {
    if (cnf['x5t#S256']) {
        const shown = request.socket.getPeerX509Certificate?.();
        const thumbprint = shown && createHash('sha256').update(shown.raw).digest('base64url');
        if (thumbprint !== cnf['x5t#S256']) return refuse(401, 'invalid_token', 'the token is bound to another certificate');
        call.certificate = thumbprint;
    }
    if (Boolean(cnf.jkt) !== (scheme === 'DPoP')) return refuse(401, 'invalid_token', 'the scheme is not the token\'s');
    return cnf.jkt ? checkProof(cnf.jkt, { token, request, call }) : undefined;
}

async function checkProof(jkt, { token, request, call }) {
    const { payload, protectedHeader } = await jwtVerify(request.headers.dpop ?? '', EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'], maxTokenAge: 60 });
    call.proof = payload;
    const origin = `https://${request.headers.host}`;
    if (await calculateJwkThumbprint(protectedHeader.jwk) !== jkt) return refuse(401, 'invalid_token', 'the proof is made with another key');
    if (payload.ath !== createHash('sha256').update(token).digest('base64url')) return refuse(401, 'invalid_token', 'the proof is for another token');
    if (payload.htm !== request.method || payload.htu !== origin + request.url.split('?')[0]) return refuse(401, 'invalid_token', 'the proof is for another request');
    if (seenProofs.has(payload.jti)) return refuse(401, 'invalid_token', 'the proof was used before');
    seenProofs.add(payload.jti);
    if (process.env.DPOP_NONCE && payload.nonce !== NONCE) {
        return {
            status: 401, body: { error: 'use_dpop_nonce' },
            headers: { 'dpop-nonce': NONCE, 'www-authenticate': 'DPoP error="use_dpop_nonce", error_description="a nonce is needed"' },
        };
    }
    return undefined;
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
