// Starts a test server: its own listener, a control listener beside it, and a file that says that both are ready.
//
// The control listener is plain http on loopback, so that a test needs no TLS to look inside:
//   GET  /__calls[?path=/x&outcome=held]            what came in, in order (outcome: open, held, answered, aborted, closed, raw)
//   GET  /__wait?calls=2[&path=..&outcome=..&ms=..] 200 once so many are there, 408 if they do not come
//   POST /__script {path, answers, then}            see script.mjs
//   POST /__release {hold}   POST /__reset
// Ports come from the kernel unless PORT says otherwise. The process ends at SIGTERM, and with LIFELINE=1 also
// when its stdin closes, so that a test that is killed leaves nothing behind.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { readBody } from './script.mjs';

// Listens, then calls makeHandler(url), for servers that must know their own address; returns when ready.
export async function serve({ script, makeHandler, routes = {}, tlsOptions = {}, tls = Boolean(process.env.PKI), port = Number(process.env.PORT ?? 0) }) {
    let handle;
    const onRequest = (request, response) => {
        handle(request, response).catch((error) => {
            console.error(error);
            if (!response.headersSent) response.writeHead(500);
            response.end();
        });
    };
    const server = tls ? https.createServer({ ...certificate(process.env.PKI), ...tlsOptions }, onRequest) : http.createServer(onRequest);
    // The caller keeps idle connections for reuse; closing them early would be noise in tests that count connections.
    server.keepAliveTimeout = 60_000;
    const url = `${tls ? 'https' : 'http'}://127.0.0.1:${await listen(server, port)}`;
    handle = await makeHandler(url);
    const control = http.createServer((request, response) => {
        controlled(script, routes, request).then(([status, body]) => {
            response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        }, (error) => response.writeHead(400).end(JSON.stringify({ error: String(error) })));
    });
    const ready = { pid: process.pid, url, control: `http://127.0.0.1:${await listen(control, 0)}` };
    if (process.env.READY_FILE) {
        fs.writeFileSync(`${process.env.READY_FILE}.new`, JSON.stringify(ready));
        fs.renameSync(`${process.env.READY_FILE}.new`, process.env.READY_FILE);
    }
    console.log(`ready ${JSON.stringify(ready)}`);
    endWithItsOwner();
    return ready;
}

function certificate(dir) {
    const file = (name) => fs.readFileSync(path.join(dir, name));
    // A client may show a certificate. The handler decides whether it trusts it.
    return { key: file('server.key'), cert: file('server.pem'), ca: file('ca.pem'), requestCert: true, rejectUnauthorized: false };
}

function listen(server, port) {
    return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
}

async function controlled(script, routes, request) {
    const url = new URL(request.url, 'http://control');
    const query = Object.fromEntries(url.searchParams);
    const body = request.method === 'POST' ? JSON.parse((await readBody(request)).toString() || '{}') : undefined;
    const route = `${request.method} ${url.pathname}`;
    switch (route) {
        case 'GET /__calls':
            return [200, script.select(query)];
        case 'GET /__wait': {
            const there = await script.wait(query, Number(query.calls ?? 1), Number(query.ms ?? 60_000));
            return [there ? 200 : 408, script.select(query)];
        }
        case 'POST /__script':
            script.set(body.path ?? '*', body.answers, body.then);
            return [200, {}];
        case 'POST /__release':
            return [200, { released: script.release(body.hold) }];
        case 'POST /__reset':
            script.reset();
            return [200, {}];
        default:
            return routes[route] ? [200, (await routes[route](body)) ?? {}] : [404, { error: `no route ${route}` }];
    }
}

function endWithItsOwner() {
    process.on('SIGTERM', () => process.exit(0));
    if (process.env.LIFELINE) {
        process.stdin.on('end', () => process.exit(0));
        process.stdin.on('error', () => process.exit(0));
        process.stdin.resume();
    }
}
