// An https server that asks for a client certificate and answers with the certificate's name. Without a certificate that
// it trusts it answers 401.
// Environment: PKI, and what serve.mjs reads.
import fs from 'node:fs';
import path from 'node:path';
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const ca = fs.readFileSync(path.join(process.env.PKI, 'ca.pem'));
const script = new Script();
await serve({
    script,
    tlsOptions: { ca, requestCert: true, rejectUnauthorized: false },
    makeHandler: () => async (request, response) => {
        const { call, bytes } = await receive(script, request, response);
        const certificate = request.socket.authorized ? request.socket.getPeerCertificate() : undefined;
        call.subject = certificate?.subject?.CN;
        await answer(script, certificate ? { body: { subject: call.subject } } : { status: 401 }, { request, response, call, bytes });
    },
});
