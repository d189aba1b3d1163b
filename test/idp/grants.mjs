// Grants that oidc-provider does not implement itself: token exchange (RFC 8693) and JWT bearer (RFC 7523), for the tests.
//
// A subject or actor token is believed when this provider issued it, or when the tests' workload authority signed it for
// this provider: `workload` of pki.mjs, which stands for a cluster or a cloud. The resulting token is for the
// subject, with an act claim for the actor where there is one. POST /__mint {sub, ...claims} on the control listener gives such a
// workload token, POST /__login {client, username} a user's refresh token, as a login would.
import fs from 'node:fs';
import path from 'node:path';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { errors } from 'oidc-provider';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
export const GRANT_TYPES = ['client_credentials', 'refresh_token', EXCHANGE, JWT_BEARER];

const workloadKey = createPrivateKey(fs.readFileSync(path.join(process.env.PKI, 'secrets', 'workload.pem')));

export function mintWorkloadToken(claims, issuer) {
    const { sub = 'system:serviceaccount:shop:orders', lifetime = 600, ...more } = claims;
    return new SignJWT({ iss: 'https://workload.example', aud: issuer, ...more, sub }).setProtectedHeader({ alg: 'ES256', kid: 'workload' })
        .setIssuedAt().setJti(crypto.randomUUID()).setExpirationTime(Math.floor(Date.now() / 1000) + lifetime).sign(workloadKey);
}

export function addGrants(provider, { resourceServer, ttl }) {
    const shared = ['audience', 'resource', 'scope'];
    provider.registerGrantType(EXCHANGE, async (ctx) => {
        const { params } = ctx.oidc;
        if (!params.subject_token || ![ACCESS_TOKEN, JWT].includes(params.subject_token_type)) {
            throw new errors.InvalidRequest('subject_token and its type are required');
        }
        if (Boolean(params.actor_token) !== Boolean(params.actor_token_type)) throw new errors.InvalidRequest('actor_token goes with its type');
        const subject = await believed(params.subject_token);
        const actor = params.actor_token && await believed(params.actor_token);
        const act = actor && { sub: actor.sub, ...(subject.act && { act: subject.act }) };
        await issue(ctx, subject.sub, { act, more: { issued_token_type: ACCESS_TOKEN } });
    }, ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', ...shared], ['audience', 'resource']);
    provider.registerGrantType(JWT_BEARER, async (ctx) => {
        if (ctx.oidc.params.requested_token_use === 'on_behalf_of' && ctx.oidc.params.scope?.includes('forbidden')) {
            throw Object.assign(new errors.CustomOIDCProviderError('interaction_required', 'another factor is needed'), { statusCode: 400 });
        }
        await issue(ctx, (await believed(ctx.oidc.params.assertion)).sub);
    }, ['assertion', 'requested_token_use', ...shared], ['audience', 'resource']);

    async function believed(token) {
        const own = await provider.AccessToken.find(token);
        if (own?.isValid) return { sub: own.accountId ?? own.clientId, act: own.extra?.act };
        try {
            const { payload } = await jwtVerify(token, createPublicKey(workloadKey), { audience: provider.issuer, issuer: 'https://workload.example' });
            return payload;
        } catch {
            return ownJwt(token);
        }
    }
    async function ownJwt(token) {
        try {
            const { payload } = await jwtVerify(token, provider.localKeys, { issuer: provider.issuer });
            return payload;
        } catch {
            throw new errors.InvalidGrant('the token is not believed');
        }
    }

    async function issue(ctx, sub, { act, more = {} } = {}) {
        const { client, params } = ctx.oidc;
        const resource = [params.resource ?? params.audience ?? 'https://default.example'].flat()[0];
        const server = resourceServer(resource);
        const scope = params.scope ?? 'read';
        const grant = new provider.Grant({ accountId: sub, clientId: client.clientId });
        grant.addResourceScope(resource, server.scope);
        const token = new provider.AccessToken({ accountId: sub, client, scope, grantId: await grant.save(), gty: params.grant_type });
        token.resourceServer = new provider.ResourceServer(resource, server);
        if (act) token.extra = { act };
        await bind(ctx, client, token);
        ctx.body = { access_token: await token.save(), token_type: token.tokenType, expires_in: token.expiration ?? ttl(), scope, ...more };
    }
    async function bind(ctx, client, token) {
        if (!client.tlsClientCertificateBoundAccessTokens) return;
        token.setThumbprint('x5t', certificateOf(ctx));
    }
}

// Makes what a login in a browser leaves behind: a refresh token of a user for one client, which is replaced at each use.
export async function login(provider, { client: clientId, username, resource = 'https://payment.example', scope = 'payment:charge' }) {
    const grant = new provider.Grant({ accountId: username, clientId });
    grant.addResourceScope(resource, scope);
    grant.addOIDCScope('offline_access');
    return new provider.RefreshToken({
        accountId: username, client: await provider.Client.find(clientId), scope: `offline_access ${scope}`, resource, rotations: 0,
        grantId: await grant.save(), gty: 'authorization_code', iiat: Math.floor(Date.now() / 1000),
    }).save();
}

// Returns the certificate that the client showed, as PEM.
export function certificateOf(ctx) {
    const peer = ctx.socket.getPeerX509Certificate?.();
    return peer?.toString();
}
