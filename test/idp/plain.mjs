// A second identity provider, which differs from oidc-provider where the standards allow it: so nothing is built around
// one of them.
//
// Its issuer has a path; token_type is "bearer" in lower case; bad credentials are answered with 403 and, by secret, 400, both
// with an empty body; the audience of a client assertion must be the token endpoint and nothing else; the audience of a token
// is its scope; expires_in is text; keys are published without kid and alg; there is no revocation. Clients are those of
// pki.mjs: `orders` with private_key_jwt, `basic` with client_secret_basic. Grants: client_credentials and JWT bearer.
//
// Environment and control as for idp.mjs, as far as it goes: TTL, POST /__settings {ttl, rotate} (rotate: sign with a new key).
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { decodeJwt, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose';
import { answer, receive, Script } from '../services/script.mjs';
import { serve } from '../services/serve.mjs';

const PATH = '/realms/one';
const settings = { ttl: Number(process.env.TTL ?? 60) };
const registered = JSON.parse(fs.readFileSync(path.join(process.env.PKI, 'clients.json')));
const script = new Script();
const keys = [];
let origin;

await rotate();
await serve({
    script,
    makeHandler: async (url) => {
        origin = url;
        return handle;
    },
    routes: {
        'POST /__settings': async ({ rotate: wanted, ...changes }) => {
            Object.assign(settings, changes);
            if (wanted) await rotate();
        },
    },
});

async function rotate() {
    keys.unshift(await generateKeyPair('RS256', { extractable: true }));
    keys.splice(2);
}

async function handle(request, response) {
    const { call, bytes } = await receive(script, request, response);
    delete call.body;
    delete call.raw_headers;
    call.headers = { ...request.headers, authorization: undefined };
    const reply = (what) => answer(script, what, { request, response, call, bytes });
    const scripted = script.next(call.path);
    if (scripted) return reply(scripted);
    switch (`${request.method} ${call.path}`) {
        case `GET ${PATH}/.well-known/openid-configuration`:
            return reply({ body: { issuer: origin + PATH, token_endpoint: `${origin}${PATH}/token`, jwks_uri: `${origin}${PATH}/keys` } });
        case `GET ${PATH}/keys`: {
            const published = await Promise.all(keys.map(async ({ publicKey }) => exportJWK(publicKey)));
            return reply({ body: { keys: [...published, { kty: 'oct', k: 'c2VjcmV0' }, { kty: 'EC', crv: 'P-256' }] } });
        }
        case `POST ${PATH}/token`:
            return reply(await issue(new URLSearchParams(bytes.toString()), request.headers.authorization, call));
        default:
            return reply({ status: 404, body: '' });
    }
}

async function issue(form, authorization, call) {
    const client = form.get('client_assertion') ? await byAssertion(form.get('client_assertion')) : bySecret(authorization);
    Object.assign(call, { client_id: client, grant_type: form.get('grant_type'), scope: form.get('scope') });
    if (!client) return { status: form.get('client_assertion') ? 403 : 400, body: '' };
    const scope = form.get('scope') ?? '';
    const subject = form.get('grant_type') === 'client_credentials' ? client : decodeJwt(form.get('assertion') ?? '').sub;
    const jti = randomUUID();
    const token = await new SignJWT({ scope, client_id: client, jti }).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt' }).setIssuedAt()
        .setIssuer(origin + PATH).setSubject(subject).setAudience(scope).setExpirationTime(Math.floor(Date.now() / 1000) + settings.ttl).sign(keys[0].privateKey);
    call.token = { jti, sha256: createHash('sha256').update(token).digest('hex') };
    return { body: { access_token: token, token_type: 'bearer', expires_in: String(settings.ttl) } };
}

function bySecret(authorization) {
    const pair = Buffer.from(/^Basic (.+)$/.exec(authorization ?? '')?.[1] ?? '', 'base64').toString();
    const [id, secret] = pair.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
    return id === 'basic' && secret === registered.secret ? id : undefined;
}

async function byAssertion(assertion) {
    try {
        const key = await importJWK(registered.keys.es256);
        const { payload } = await jwtVerify(assertion, key, { audience: `${origin}${PATH}/token`, issuer: 'orders', subject: 'orders' });
        return Array.isArray(payload.aud) ? undefined : payload.iss;
    } catch {
        return undefined;
    }
}
