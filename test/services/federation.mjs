// A token endpoint that trusts another issuer's workload tokens, as Entra ID, AWS and Google do. It verifies the assertion,
// subject or actor token with npm jose, and knows only what that issuer publishes. It matches the subject exactly,
// accepts each jti once, and answers with an access token of its own.
//
// Environment: ISSUER (the one that is trusted), SUBJECT (the flow that may come), USERS (who vouches for end users: an issuer;
// may be empty), and what serve.mjs reads. What is recorded of a request: its grant, and the claims that were believed.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const { ISSUER, SUBJECT, USERS } = process.env;
const script = new Script();
const seen = new Set();
let issued = 0;

await serve({
    script,
    makeHandler: async (url) => async (request, response) => {
        const { call, bytes } = await receive(script, request, response);
        const reply = (what) => answer(script, what, { request, response, call, bytes });
        delete call.body;
        delete call.raw_headers;
        if (call.path === '/.well-known/openid-configuration') {
            return reply({ body: { issuer: url, token_endpoint: `${url}/token` } });
        }
        try {
            await believe(url, new URLSearchParams(bytes.toString()), call);
        } catch (error) {
            call.refused = String(error.message);
            return reply({ status: 400, body: { error: 'invalid_grant', error_description: 'not believed' } });
        }
        issued += 1;
        return reply({
            body: {
                access_token: `federated-${issued}`, token_type: 'Bearer', expires_in: 60,
                issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
            },
        });
    },
});

async function believe(url, form, call) {
    call.grant_type = form.get('grant_type');
    if (form.get('client_assertion_type') === ASSERTION) call.client = await own(form.get('client_assertion'), url);
    if (form.has('assertion')) call.assertion = await own(form.get('assertion'), url);
    if (form.has('actor_token')) call.actor = await own(form.get('actor_token'), url);
    if (form.has('subject_token')) {
        call.subject = USERS ? await verified(form.get('subject_token'), USERS, {}) : await own(form.get('subject_token'), url);
    }
    if (!call.client && !call.assertion && !call.subject) throw new Error('nobody vouches for the caller');
}

// Accepts a token of the issuer under test if it is for us, is of the flow, and was never seen before.
async function own(token, audience) {
    const claims = await verified(token, ISSUER, { audience, subject: SUBJECT, requiredClaims: ['jti', 'exp', 'nbf'] });
    if (seen.has(claims.jti)) throw new Error('a replay');
    seen.add(claims.jti);
    return claims;
}

async function verified(token, issuer, expected) {
    const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload } = await jwtVerify(token, keys, { issuer, clockTolerance: 0, ...expected });
    return payload;
}
