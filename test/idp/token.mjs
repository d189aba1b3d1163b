// One token as a test wants it: signed by npm jose, and encrypted to a server's key where one is given.
//
//   echo '{...}' | node token.mjs SECRETS_DIR
//     key       file of the private key in SECRETS_DIR; absent: alg none, signature empty
//     header    {alg, kid, typ, ...}
//     claims    any; iat is added where it is absent
//     encrypt   {jwk, alg, enc, header?}: the JWT becomes the content of a JWE
//     raw       text to encrypt instead of a JWT
import { createPrivateKey } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { CompactEncrypt, importJWK, SignJWT } from 'jose';

const wanted = JSON.parse(fs.readFileSync(0, 'utf8'));
const token = wanted.raw ?? (await sign(wanted));
process.stdout.write(wanted.encrypt ? await encrypt(token, wanted.encrypt) : token);

async function sign({ key, header, claims }) {
    const all = { iat: Math.floor(Date.now() / 1000), ...claims };
    if (!key) {
        const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
        return `${part(header)}.${part(all)}.`;
    }
    const pem = fs.readFileSync(path.join(process.argv[2], key));
    return new SignJWT(all).setProtectedHeader(header).sign(createPrivateKey(pem));
}

async function encrypt(text, { jwk, alg, enc, header }) {
    return new CompactEncrypt(new TextEncoder().encode(text))
        .setProtectedHeader({ alg, enc, kid: jwk.kid, ...header })
        .encrypt(await importJWK(jwk, alg));
}
