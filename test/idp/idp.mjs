// A real identity provider for the tests: npm oidc-provider on loopback, https with the tests' own certificate.
//
// Clients (their keys and the secret come from pki.mjs): orders, es256, rs256, ps256, eddsa with private_key_jwt; basic, post and
// csjwt with client_secret_basic, _post and _jwt; workload with private_key_jwt by the workload authority's key, so that its
// token is the assertion; mtls and selfsigned with certificates, their tokens bound to these; dpop with
// client_secret_basic and tokens bound by DPoP. `orders` uses the key es256. All may use the grants of grants.mjs.
// Resources: any https URI whose host ends in .example, named by `resource` (RFC 8707) or `audience`; a host that
// begins with "opaque" gets opaque tokens, which can be revoked, every other one JWTs, which cannot.
//
// Environment: PKI (folder of pki.mjs), ISSUER_PATH ("/tenant": an issuer below a path), TTL (seconds), ALG, and what
// services/serve.mjs reads. Control beside that: POST /__settings {ttl, alg, nonce} (nonce: ask for one in DPoP proofs);
// POST /__mint for workload tokens; POST /__login; POST /__introspect asks the introspection endpoint (RFC 7662) over
// https, as a resource server would. Scripted answers by path let /token fail as a test wants. Of a token request these
// are recorded: client, method, scope, audience, the assertion's header and claims, the answer's status and error, and
// the token's SHA-256 and jti, but never the token.
import { createHash, X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createLocalJWKSet, exportJWK, generateKeyPair, decodeJwt, decodeProtectedHeader } from 'jose';
import Provider, { errors } from 'oidc-provider';
import { addGrants, certificateOf, GRANT_TYPES, login, mintWorkloadToken } from './grants.mjs';
import { answer, receive, Script } from '../services/script.mjs';
import { serve } from '../services/serve.mjs';

const SCOPES = ['payment:charge', 'shipping:create', 'read', 'write'];
const SIGNING_ALGS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const settings = { ttl: Number(process.env.TTL ?? 60), alg: process.env.ALG ?? 'RS256', nonce: false };
let provider;
const registered = JSON.parse(fs.readFileSync(path.join(process.env.PKI, 'clients.json')));
const script = new Script();

await serve({
    script,
    makeHandler: async (url) => behindScript(await makeProvider(url + issuerPath()), issuerPath()),
    routes: {
        'POST /__settings': changeSettings,
        'POST /__mint': async (claims) => ({ token: await mintWorkloadToken(claims, provider.issuer) }),
        'POST /__login': async (who) => ({ refresh_token: await login(provider, who) }),
        'POST /__introspect': async ({ token }) => introspect(token),
    },
});

// The answer is the value that was set before, so that a test can put it back.
function changeSettings(changes) {
    const before = { ...settings };
    Object.assign(settings, changes);
    return before;
}

async function introspect(token) {
    const authorization = `Basic ${Buffer.from(`basic:${encodeURIComponent(registered.secret)}`).toString('base64')}`;
    const answered = await fetch(`${provider.issuer}/token/introspection`,
        { method: 'POST', headers: { authorization }, body: new URLSearchParams({ token }) });
    return { status: answered.status, ...(await answered.json()) };
}

function issuerPath() {
    return process.env.ISSUER_PATH ?? '';
}

async function makeProvider(issuer) {
    const keys = await Promise.all(SIGNING_ALGS.map(signingKey));
    provider = new Provider(issuer, {
        jwks: { keys },
        scopes: ['offline_access', ...SCOPES],
        clients: [
            keyClient('orders', 'es256'),
            ...['es256', 'rs256', 'ps256', 'eddsa'].map((name) => keyClient(name, name)),
            client('basic', 'client_secret_basic', { client_secret: registered.secret }),
            client('post', 'client_secret_post', { client_secret: registered.secret }),
            client('csjwt', 'client_secret_jwt', { client_secret: registered.secret }),
            keyClient('workload', 'workload'),
            client('mtls', 'tls_client_auth', { tls_client_auth_san_dns: 'worker.test', tls_client_certificate_bound_access_tokens: true }),
            client('selfsigned', 'self_signed_tls_client_auth', { jwks: { keys: [selfSignedJwk()] }, tls_client_certificate_bound_access_tokens: true }),
            client('dpop', 'client_secret_basic', { client_secret: registered.secret, dpop_bound_access_tokens: true }),
        ],
        clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
        enabledJWA: { clientAuthSigningAlgValues: [...SIGNING_ALGS, 'HS256'], idTokenSigningAlgValues: SIGNING_ALGS },
        cookies: { keys: ['only browsers get cookies'] },
        ttl: {
            ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? settings.ttl,
            AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? settings.ttl,
            RefreshToken: 600, Grant: 600,
        },
        rotateRefreshToken: true,
        findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
        extraTokenClaims: (_ctx, token) => token.extra,
        features: {
            devInteractions: { enabled: false },
            clientCredentials: { enabled: true },
            introspection: { enabled: true },
            revocation: { enabled: true },
            dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => settings.nonce },
            mTLS: {
                enabled: true, tlsClientAuth: true, selfSignedTlsClientAuth: true, certificateBoundAccessTokens: true,
                getCertificate: certificateOf,
                certificateAuthorized: (ctx) => ctx.socket.authorized,
                certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
                    && ctx.socket.getPeerCertificate().subjectaltname?.split(', ').includes(`DNS:${expected}`) === true,
            },
            resourceIndicators: {
                enabled: true,
                defaultResource: (ctx) => ctx.oidc.body?.audience ?? 'https://default.example',
                useGrantedResource: () => true,
                getResourceServerInfo: (_ctx, resource) => resourceServer(resource),
            },
        },
    });
    provider.localKeys = createLocalJWKSet({ keys: keys.map(({ kty, crv, x, y, n, e, kid, alg }) => ({ kty, crv, x, y, n, e, kid, alg })) });
    addGrants(provider, { resourceServer, ttl: () => settings.ttl });
    provider.use(recordIssuing);
    return provider;
}

async function signingKey(alg) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `provider-${alg}` };
}

function client(id, method, more) {
    return {
        client_id: id, token_endpoint_auth_method: method, grant_types: GRANT_TYPES,
        redirect_uris: [], response_types: [], ...more,
    };
}

function keyClient(id, keyName) {
    const key = registered.keys[keyName];
    return client(id, 'private_key_jwt', { jwks: { keys: [key] }, token_endpoint_auth_signing_alg: key.alg });
}

function selfSignedJwk() {
    const certificate = new X509Certificate(fs.readFileSync(path.join(process.env.PKI, 'secrets', 'self-signed.pem')));
    return { ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')] };
}

function resourceServer(resource) {
    const { protocol, hostname } = new URL(resource);
    if (protocol !== 'https:' || !hostname.endsWith('.example')) throw new errors.InvalidTarget();
    const server = { scope: SCOPES.join(' '), audience: resource, accessTokenTTL: settings.ttl };
    return hostname.startsWith('opaque')
        ? { ...server, accessTokenFormat: 'opaque' }
        : { ...server, accessTokenFormat: 'jwt', jwt: { sign: { alg: settings.alg } } };
}

// Scripted answers come before the provider; the path below which the issuer lives is taken off for it.
function behindScript(provider, prefix) {
    const callback = provider.callback();
    return async (request, response) => {
        const [urlPath] = request.url.split('?');
        const scripted = script.next(urlPath);
        if (scripted) {
            const { call, bytes } = await receive(script, request, response, { scripted: true });
            Object.assign(call, describeTokenRequest(request.headers, Object.fromEntries(new URLSearchParams(bytes.toString()))));
            delete call.body;
            delete call.raw_headers;
            call.headers = { ...request.headers, authorization: undefined };
            return answer(script, scripted, { request, response, call, bytes });
        }
        request.originalUrl = request.url;
        if (urlPath === `/.well-known/oauth-authorization-server${prefix}`) {
            request.originalUrl = `${prefix}/.well-known/openid-configuration`;
        }
        request.url = request.originalUrl.slice(prefix.length) || '/';
        return callback(request, response);
    };
}

async function recordIssuing(ctx, next) {
    const call = script.record({ method: ctx.method, path: ctx.req.originalUrl?.split('?')[0] ?? ctx.path });
    await next();
    const answered = ctx.body && typeof ctx.body === 'object' ? ctx.body : {};
    script.finish(call, 'answered', {
        status: ctx.status,
        error: answered.error,
        ...describeTokenRequest(ctx.headers, ctx.oidc?.body ?? {}),
        client_id: ctx.oidc?.client?.clientId,
        token: answered.access_token && describeToken(answered.access_token, answered),
    });
}

function describeTokenRequest(headers, form) {
    const { client_assertion: assertion } = form;
    let method = form.client_secret ? 'client_secret_post' : undefined;
    if (/^basic /i.test(headers.authorization ?? '')) method = 'client_secret_basic';
    if (assertion) method = 'private_key_jwt';
    return {
        auth_method: method, client_id: form.client_id, grant_type: form.grant_type,
        scope: form.scope, audience: form.audience, resource: form.resource,
        requested_token_use: form.requested_token_use, requested_token_type: form.requested_token_type,
        subject: form.subject_token && describeToken(form.subject_token, {}), actor: form.actor_token && describeToken(form.actor_token, {}),
        dpop: headers.dpop && describeAssertion(headers.dpop),
        revoked: form.token && { sha256: sha256(form.token) },
        assertion: assertion && describeAssertion(assertion),
    };
}

function describeAssertion(assertion) {
    try {
        return { header: decodeProtectedHeader(assertion), claims: decodeJwt(assertion) };
    } catch {
        return { malformed: true };
    }
}

function describeToken(token, { expires_in: expiresIn, scope }) {
    const jti = token.split('.').length === 3 ? decodeJwt(token).jti : undefined;
    return { sha256: sha256(token), jti, expires_in: expiresIn, scope };
}

function sha256(text) {
    return createHash('sha256').update(text).digest('hex');
}
