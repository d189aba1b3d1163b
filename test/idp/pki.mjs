// Makes the throwaway keys and certificates of the tests in a folder, once; a second call changes nothing.
//
//   node pki.mjs DIR
//     DIR/ca.pem ca.key            the tests' own certificate authority
//     DIR/server.pem server.key    for every https server of the tests: 127.0.0.1 and localhost
//     DIR/other-ca.pem             an authority that signed nothing: what must not be trusted
//     DIR/secrets/                 a folder fit for flowctl.secrets_dir (0700, files 0600):
//       ca.pem other-ca.pem        the same, as options named ca_file want them
//       es256.pem rs256.pem ps256.pem eddsa.pem stranger.pem     private keys for private_key_jwt
//       workload.pem               what the tests' workload authority signs with (grants.mjs)
//       worker.pem worker.key      a client certificate of the tests' authority (DNS:worker.test), other-worker.* another,
//                                  self-signed.* one that signed itself
//       client.pem client.key      a certificate of the same authority for a client, CN=orders
//       client-secret              with characters that must survive form encoding, and a newline at its end
//     DIR/clients.json             the public halves as JWK, and the secret: what the provider registers
//
// Everybody who needs a certificate runs this first: test/demo.sh, test/run.sh and test/t/lib/FlowctlTest.pm.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const CLIENT_SECRET = 'a+b/c=d e%20&f:g"h-0123456789abcdef0123456789';
const CLIENT_KEYS = {
    es256: ['ES256', 'ec', { namedCurve: 'P-256' }],
    rs256: ['RS256', 'rsa', { modulusLength: 2048 }],
    ps256: ['PS256', 'rsa', { modulusLength: 2048 }],
    eddsa: ['EdDSA', 'ed25519', {}],
    stranger: ['ES256', 'ec', { namedCurve: 'P-256' }],
    workload: ['ES256', 'ec', { namedCurve: 'P-256' }],
};

process.umask(0o077);
const dir = process.argv[2];
if (!dir) {
    console.error('usage: node pki.mjs DIR');
    process.exit(2);
}
const at = (...names) => path.join(dir, ...names);
if (!fs.existsSync(at('clients.json'))) {
    fs.mkdirSync(at('secrets'), { recursive: true });
    makeCertificates();
    makeClients();
}

function openssl(...args) {
    execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function makeCertificates() {
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3'];
    for (const name of ['ca', 'other-ca']) {
        openssl('req', '-x509', ...newKey, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-subj', `/CN=pg_flowctl test ${name}`,
            '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
        fs.copyFileSync(at(`${name}.pem`), at('secrets', `${name}.pem`));
    }
    for (const name of ['worker', 'other-worker', 'self-signed']) {
        const signed = name === 'self-signed' ? [] : ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
        openssl('req', '-x509', ...newKey, ...signed, '-keyout', at('secrets', `${name}.key`), '-out', at('secrets', `${name}.pem`),
            '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}.test`, '-addext', 'basicConstraints=critical,CA:FALSE');
    }
    openssl('req', '-x509', ...newKey, '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-keyout', at('server.key'), '-out', at('server.pem'),
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE');
    openssl('req', '-x509', ...newKey, '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-keyout', at('secrets', 'client.key'), '-out', at('secrets', 'client.pem'),
        '-subj', '/CN=orders', '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=clientAuth');
}

function makeClients() {
    const keys = {};
    for (const [name, [alg, type, options]] of Object.entries(CLIENT_KEYS)) {
        const { publicKey, privateKey } = generateKeyPairSync(type, options);
        fs.writeFileSync(at('secrets', `${name}.pem`), privateKey.export({ format: 'pem', type: 'pkcs8' }));
        keys[name] = { ...publicKey.export({ format: 'jwk' }), alg, use: 'sig', kid: name };
    }
    fs.writeFileSync(at('secrets', 'client-secret'), `${CLIENT_SECRET}\n`);
    fs.writeFileSync(at('clients.json'), JSON.stringify({ secret: CLIENT_SECRET, keys }));
}
