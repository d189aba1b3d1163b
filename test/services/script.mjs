// Scripted answers and the record of what came in: shared by the stub, the step services and the identity provider.
//
// A test tells a server beforehand how it shall answer, path by path, and asks afterwards what it got. Nothing here
// depends on time: an answer that must come late is held under a name until the test releases it, and a test waits
// for a number of calls instead of sleeping.
//
// An answer is an object; everything in it may be left out:
//   status, headers, body       a body that is not a string is sent as JSON
//   body_base64                 bytes instead
//   body_size                   that many bytes, as one JSON string
//   echo                        'body' sends the request's own bytes back, 'request' its method, url, headers and body as JSON
//   hold                        a name: wait until POST /__release names it
//   delay_ms                    wait that long
//   drip_ms                     send the body byte by byte, with that long between them
//   close                       'before' drops the connection instead of answering, 'middle' after half of the body
//   raw                         these bytes instead of an HTTP answer, then the connection is closed
import { Buffer } from 'node:buffer';

export class Script {
    #paths = new Map();  // path -> { queue: answers for one call each, then: the answer after those }
    #holds = new Map();  // name -> [resolve, ...]
    #waiters = [];       // { enough: () => boolean, resolve }
    calls = [];

    set(path, answers = [], then = undefined) {
        this.#paths.set(path, { queue: [...answers], then });
    }

    // The answer for a path ('*' serves paths that have none), taken from its queue.
    next(path) {
        const entry = this.#paths.get(path) ?? this.#paths.get('*');
        return entry && (entry.queue.shift() ?? entry.then);
    }

    record(call) {
        this.calls.push({ n: this.calls.length + 1, at: new Date().toISOString(), outcome: 'open', ...call });
        this.#changed();
        return this.calls.at(-1);
    }

    finish(call, outcome, more = {}) {
        if (call.outcome === 'open' || call.outcome === 'held') {
            Object.assign(call, more, { outcome });
            this.#changed();
        }
    }

    held(name, call) {
        call.outcome = 'held';
        const released = new Promise((resolve) => {
            this.#holds.set(name, [...(this.#holds.get(name) ?? []), resolve]);
        });
        this.#changed();
        return released;
    }

    release(name) {
        const waiting = this.#holds.get(name) ?? [];
        this.#holds.delete(name);
        waiting.forEach((resolve) => resolve());
        return waiting.length;
    }

    reset() {
        for (const name of [...this.#holds.keys()]) this.release(name);
        this.#paths.clear();
        this.calls = [];
        this.#changed();
    }

    // The calls with the given path, outcome and method (all optional), in the order in which they came.
    select({ path, outcome, method } = {}) {
        return this.calls.filter((call) => (!path || call.path === path) && (!outcome || call.outcome === outcome) &&
            (!method || call.method === method));
    }

    // Resolves to true once `count` such calls are there, to false at the timeout.
    wait(filter, count, timeoutMs) {
        const enough = () => this.select(filter).length >= count;
        return new Promise((resolve) => {
            const waiter = { enough, resolve };
            const timer = setTimeout(() => {
                this.#waiters = this.#waiters.filter((other) => other !== waiter);
                resolve(false);
            }, timeoutMs);
            waiter.resolve = () => {
                clearTimeout(timer);
                resolve(true);
            };
            this.#waiters.push(waiter);
            this.#changed();
        });
    }

    #changed() {
        const ready = this.#waiters.filter((waiter) => waiter.enough());
        this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
        ready.forEach((waiter) => waiter.resolve());
    }
}

export async function readBody(stream) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts);
}

// Text as text; bytes that are not UTF-8 as base64 beside it.
export function describeBody(bytes) {
    const text = bytes.toString('utf8');
    return Buffer.from(text, 'utf8').equals(bytes) ? { body: text } : { body_base64: bytes.toString('base64') };
}

// Records a request once its body is there; the outcome becomes 'answered', or 'aborted' when the caller hangs up first.
export async function receive(script, request, response, extra = {}) {
    let bytes = Buffer.alloc(0);
    let hungUp = false;
    try {
        bytes = await readBody(request);
    } catch {
        hungUp = true;
    }
    const call = script.record({
        method: request.method, url: request.url, path: request.url.split('?')[0],
        headers: request.headers, raw_headers: request.rawHeaders, http_version: request.httpVersion,
        peer_port: request.socket.remotePort, ...describeBody(bytes), ...extra,
    });
    response.on('finish', () => script.finish(call, 'answered', { status: response.statusCode }));
    response.on('close', () => script.finish(call, 'aborted'));
    if (hungUp || response.destroyed) script.finish(call, 'aborted');
    return { call, bytes };
}

// Carries out a scripted answer.
export async function answer(script, what, { request, response, call, bytes }) {
    if (what.hold) await script.held(what.hold, call);
    if (what.delay_ms) await new Promise((resolve) => setTimeout(resolve, what.delay_ms));
    if (response.destroyed) return;
    if (what.close === 'before') {
        script.finish(call, 'closed');
        response.destroy();
        return;
    }
    if (what.raw !== undefined) {
        script.finish(call, 'raw');
        response.socket.end(Buffer.from(what.raw, 'latin1'));
        return;
    }
    const body = bodyOf(what, request, bytes);
    const headers = { 'content-type': 'application/json', 'content-length': body.length, ...what.headers };
    for (const name of Object.keys(headers)) if (headers[name] === null) delete headers[name];
    response.writeHead(what.status ?? 200, headers);
    if (what.close === 'middle') {
        response.write(body.subarray(0, Math.floor(body.length / 2)), () => {
            script.finish(call, 'closed', { status: response.statusCode });
            response.destroy();
        });
        return;
    }
    if (what.drip_ms) return drip(response, body, what.drip_ms);
    response.end(request.method === 'HEAD' || [204, 304].includes(what.status) ? undefined : body);
}

async function drip(response, body, ms) {
    for (let at = 0; at < body.length && !response.destroyed; at++) {
        response.write(body.subarray(at, at + 1));
        await new Promise((resolve) => setTimeout(resolve, ms));
    }
    response.end();
}

function bodyOf(what, request, bytes) {
    if (what.echo === 'body') return bytes;
    if (what.echo === 'request') {
        const { method, url, headers } = request;
        return Buffer.from(JSON.stringify({ method, url, headers, ...describeBody(bytes) }));
    }
    if (what.body_base64 !== undefined) return Buffer.from(what.body_base64, 'base64');
    if (what.body_size !== undefined) return Buffer.from(`"${'x'.repeat(Math.max(0, what.body_size - 2))}"`);
    if (typeof what.body === 'string') return Buffer.from(what.body);
    return Buffer.from(JSON.stringify(what.body ?? {}));
}
