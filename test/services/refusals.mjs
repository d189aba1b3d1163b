// Knocks at a step service with tokens that it must refuse, and with one that it must not; a line for each.
//
// Used by test/demo.sh, to show it, and by test/t/002_services.pl, to check it. Exit status 1 when the service behaves
// otherwise. Environment: PKI, ISSUER, IDP_CONTROL, SERVICE, AUDIENCE, SCOPE, OTHER_AUDIENCE, OTHER_SCOPE.
import { createPrivateKey, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { decodeJwt, SignJWT } from 'jose';

const { PKI, ISSUER, IDP_CONTROL, SERVICE, AUDIENCE, SCOPE, OTHER_AUDIENCE, OTHER_SCOPE } = process.env;
const file = (...names) => fs.readFileSync(path.join(PKI, ...names), 'utf8');
const { secret } = JSON.parse(file('clients.json'));

const good = await token(AUDIENCE, SCOPE);
const expired = await expiredToken();
const cases = [
    ['a good token', good, 200],
    ['no token', undefined, 401],
    ['an expired token', expired, 401],
    ['a token for another audience', await token(OTHER_AUDIENCE, OTHER_SCOPE), 401],
    ['a token without the scope', await token(AUDIENCE, OTHER_SCOPE), 403],
    ['a token with a changed signature', `${good.slice(0, -8)}AAAAAAAA`, 401],
    ['a token signed by a stranger', await forgedToken(), 401],
];
for (const [name, bearer, wanted] of cases) {
    const response = await fetch(`${SERVICE}/`, {
        method: 'POST', body: JSON.stringify({ order: 'knock', amount: 1 }),
        headers: bearer ? { authorization: `Bearer ${bearer}` } : {},
    });
    const { error, error_description: why } = await response.json();
    console.log(`  ${name.padEnd(34)} ${response.status} ${error ? `${error}: ${why}` : 'accepted'}`);
    if (response.status !== wanted) {
        console.error(`${name}: expected ${wanted}`);
        process.exitCode = 1;
    }
}

async function token(audience, scope) {
    const response = await fetch(`${ISSUER}/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'post', client_secret: secret, audience, scope }),
    });
    const body = await response.json();
    if (!body.access_token) throw new Error(`no token: ${response.status} ${JSON.stringify(body)}`);
    return body.access_token;
}

// Gets a token that was really issued and has really expired.
async function expiredToken() {
    const { ttl } = await settings({ ttl: 1 });
    const short = await token(AUDIENCE, SCOPE);
    await settings({ ttl });
    const { exp } = decodeJwt(short);
    await new Promise((resolve) => setTimeout(resolve, exp * 1000 - Date.now() + 100));
    return short;
}

// Answers what was set before.
async function settings(changes) {
    const response = await fetch(`${IDP_CONTROL}/__settings`, { method: 'POST', body: JSON.stringify(changes) });
    return response.json();
}

async function forgedToken() {
    const key = createPrivateKey(file('secrets', 'stranger.pem'));
    return new SignJWT({ scope: SCOPE, client_id: 'post' })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'provider-ES256' })
        .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject('post').setJti(randomUUID())
        .setIssuedAt().setExpirationTime('60s').sign(key);
}
