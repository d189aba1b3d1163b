// A service that works in the database that called it. It has nothing but the lease that came with the call. It runs the
// input's `sql` by psql over TCP, and answers with the result.
//
//   [PKI=dir] PGPORT=n node database.mjs            PGPORT: where the database listens on 127.0.0.1
//
// Input: sql, and perhaps user and password, for a service that has a login of its own; echo: true to answer with the
// password in it; hold: a name (script.mjs), to wait for after the work. Answer: {user, name, valid_until, status, out, err}.
import { execFile } from 'node:child_process';
import { receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

function psql(connection, sql) {
    const env = { ...process.env, PGHOST: '127.0.0.1', PGUSER: connection.user, PGPASSWORD: connection.password ?? '', PGDATABASE: connection.name,
        PGAPPNAME: 'service', PGREQUIREPEER: '', PGCONNECT_TIMEOUT: '30' };
    return new Promise((resolve) => {
        execFile('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql], { env }, (error, out, err) => {
            resolve({ status: error ? error.code : 0, out: out.trim(), err: err.trim() });
        });
    });
}

const script = new Script();
await serve({
    script,
    makeHandler: () => async (request, response) => {
        const { call, bytes } = await receive(script, request, response);
        const input = JSON.parse(bytes.toString());
        const header = (name) => {
            const value = request.headers[`flowctl-database-${name}`];
            return value === undefined ? undefined : decodeURIComponent(value);
        };
        const connection = { user: header('user'), password: input.password ?? header('password'), name: header('name') };
        const result = await psql(connection, input.sql);
        if (input.hold) await script.held(input.hold, call);
        if (response.destroyed) return;
        const body = JSON.stringify({ user: connection.user, name: connection.name, valid_until: header('valid-until'), ...result,
            ...(input.echo ? { echo: `postgresql://${connection.user}:${connection.password}@127.0.0.1/`, password: connection.password } : {}) });
        response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    },
});
