// What AWS looks like to a client: its security token service and the APIs of a few services, on one https listener.
//
// It is strict where AWS is. A request is signed again by AWS's own library (@smithy/signature-v4) with the keys that
// were given out under its access key id, and refused when the signatures differ, when its time is off by more than
// five minutes, when the session has expired or its policy has ended it, and when region or service are others than the
// request's. AssumeRoleWithWebIdentity checks the token: against the keys of ISSUER, or that it is WEB_TOKEN.
// Functions, queues, topics and executions answer by their names (see each). Calls are recorded with what was verified;
// no token, key or signature is.
//
// Environment: ROLE_ARN, REGION, ISSUER and AUDIENCE or WEB_TOKEN, KEY_ID and SECRET_KEY (keys of a user), and what
// serve.mjs reads. Control: POST /__clock {offset} (seconds that this side's clock is ahead), POST /__expire (all
// sessions), POST /__executions {running} (how often an execution is still running when asked).
import crypto from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const { ROLE_ARN, REGION = 'eu-central-1', ISSUER, AUDIENCE, WEB_TOKEN, KEY_ID, SECRET_KEY } = process.env;
const script = new Script();
const sessions = new Map();    // access key id -> { secret, token, expires, policyEnd }
const executions = new Map();  // name -> { arn, input, asked }
let clockOffset = 0;
let timesRunning = 2;
const now = () => Date.now() + clockOffset * 1000;
const keys = ISSUER ? await issuerKeys() : undefined;
if (KEY_ID) sessions.set(KEY_ID, { secret: SECRET_KEY, expires: Infinity });

class Sha256 {
    constructor(secret) { this.hash = secret ? crypto.createHmac('sha256', secret) : crypto.createHash('sha256'); }
    update(data) { this.hash.update(data); }
    async digest() { return new Uint8Array(this.hash.digest()); }
}

async function issuerKeys() {
    const metadata = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
    return createRemoteJWKSet(new URL(metadata.jwks_uri));
}

const requestId = () => crypto.randomUUID();
const jsonAnswer = (status, body, headers = {}) => ({
    status, body, headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': requestId(), ...headers },
});
const jsonError = (status, code, message) =>
    jsonAnswer(status, { __type: `com.amazonaws#${code}`, message }, { 'x-amzn-errortype': `${code}:http://internal.amazon.com/` });
const xmlAnswer = (status, body) => ({ status, body, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId() } });
const xmlError = (status, code, message) =>
    xmlAnswer(status, `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`);

// ------------------------------------------------------------------------------------------------ AssumeRoleWithWebIdentity

async function assumeRole(form, call, request) {
    call.form = { ...Object.fromEntries(form), WebIdentityToken: '(not kept)' };
    if (request.headers.authorization) return xmlError(400, 'IncompleteSignature', 'this call is not signed');
    if (form.get('Action') !== 'AssumeRoleWithWebIdentity' || form.get('Version') !== '2011-06-15') {
        return xmlError(400, 'InvalidAction', 'unknown action or version');
    }
    if (!/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName'))) return xmlError(400, 'ValidationError', 'RoleSessionName');
    const seconds = Number(form.get('DurationSeconds'));
    if (!(seconds >= 900 && seconds <= 43200)) return xmlError(400, 'ValidationError', 'DurationSeconds');
    const token = form.get('WebIdentityToken');
    try {
        if (keys) {
            const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE });
            call.subject = payload.sub;
        } else if (token !== WEB_TOKEN) {
            throw new Error('it is another one');
        }
    } catch (error) {
        return xmlError(400, 'InvalidIdentityToken', `The web identity token could not be validated: ${error.message}`);
    }
    if (form.get('RoleArn') !== ROLE_ARN) return xmlError(403, 'AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
    const id = `ASIA${crypto.randomBytes(8).toString('hex').toUpperCase()}`;
    const session = {
        secret: crypto.randomBytes(30).toString('base64'), token: crypto.randomBytes(200).toString('base64'),
        expires: now() + seconds * 1000, policyEnd: policyEnd(form.get('Policy')),
    };
    sessions.set(id, session);
    call.session = id;
    return xmlAnswer(200, `<?xml version="1.0"?>
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Audience>${AUDIENCE ?? ''}</Audience><Credentials><SessionToken>${session.token}</SessionToken>
<SecretAccessKey>${session.secret}</SecretAccessKey><Expiration>${new Date(session.expires).toISOString().replace(/\.\d+/, '')}</Expiration>
<AccessKeyId>${id}</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>${requestId()}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`);
}

function policyEnd(policy) {
    if (!policy) return Infinity;
    const [statement] = JSON.parse(policy).Statement;
    return Date.parse(statement.Condition.DateLessThan['aws:CurrentTime']);
}

// ------------------------------------------------------------------------------------------------ signatures

// Returns nothing when AWS would answer the request, or else the reason why it would not.
async function refusal(request, url, bytes, call, service) {
    const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
        .exec(request.headers.authorization ?? '');
    if (!parts) return ['MissingAuthenticationToken', 'there is no signature'];
    const [, id, , region, signedService, list, signature] = parts;
    Object.assign(call, { access_key: id, region, service: signedService, signed_headers: list.split(';') });
    if (region !== REGION || signedService !== service) return ['InvalidSignatureException', `Credential should be scoped to ${REGION}/${service}`];
    const session = sessions.get(id);
    if (!session) return ['UnrecognizedClientException', 'The security token included in the request is invalid.'];
    const time = request.headers['x-amz-date'].replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
    if (Math.abs(Date.parse(time) - now()) > 300_000) return ['RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.'];
    if (session.token && request.headers['x-amz-security-token'] !== session.token) return ['UnrecognizedClientException', 'another session'];
    for (const name of ['host', 'x-amz-date', 'content-type', 'idempotency-key', 'x-amz-target', 'x-amz-security-token']) {
        if (request.headers[name] && !list.split(';').includes(name)) return ['SignatureDoesNotMatch', `${name} is not signed`];
    }
    const query = {};
    for (const [name, value] of url.searchParams) query[name] = query[name] === undefined ? value : [query[name], value].flat();
    const signer = new SignatureV4({
        credentials: { accessKeyId: id, secretAccessKey: session.secret, sessionToken: session.token },
        region, service, sha256: Sha256, applyChecksum: service === 's3', uriEscapePath: service !== 's3',
    });
    const again = await signer.sign({
        method: request.method, protocol: 'https:', hostname: url.hostname, port: Number(url.port), path: url.pathname, query, body: bytes,
        headers: Object.fromEntries(list.split(';').map((name) => [name, request.headers[name]])),
    }, { signingDate: new Date(time) });
    if (!again.headers.authorization.endsWith(`Signature=${signature}`)) return ['SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.'];
    call.verified = true;
    if (session.expires <= now()) return ['ExpiredTokenException', 'The security token included in the request is expired'];
    if (session.policyEnd <= now()) return ['AccessDeniedException', 'with an explicit deny in a session policy'];
    return undefined;
}

// ------------------------------------------------------------------------------------------------ services

// The function `fails` raises, `missing` does not exist, `busy` is throttled; any other returns its payload.
function lambda(url, request, bytes) {
    const name = decodeURIComponent(url.pathname.split('/')[3]).split(':').filter((part) => part !== 'function').pop();
    const headers = { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST', 'x-amzn-requestid': requestId() };
    if (name === 'missing') return jsonError(404, 'ResourceNotFoundException', `Function not found: ${name}`);
    if (name === 'busy') return jsonError(429, 'TooManyRequestsException', 'Rate Exceeded.');
    if (name === 'fails') {
        return { status: 200, headers: { ...headers, 'x-amz-function-error': 'Unhandled' }, body: { errorType: 'CustomError', errorMessage: 'no' } };
    }
    if (request.headers['x-amz-invocation-type'] === 'Event') return { status: 202, headers, body: '' };
    return { status: 200, headers, body: { function: name, qualifier: url.searchParams.get('Qualifier'), event: bytes.length ? JSON.parse(bytes) : null } };
}

function sqs(input) {
    if (input.QueueUrl.endsWith('/none')) return jsonError(400, 'QueueDoesNotExist', 'The specified queue does not exist.');
    if (input.QueueUrl.endsWith('/closed')) return jsonError(403, 'AccessDenied', 'Access to the resource is denied.');
    return jsonAnswer(200, { MD5OfMessageBody: crypto.createHash('md5').update(input.MessageBody).digest('hex'), MessageId: requestId() });
}

// A table of one item: `taken` is there already, and `none` is no table.
function dynamodb(action, input) {
    const error = (type) => jsonError(400, `com.amazonaws.dynamodb.v20120810#${type}`, 'The conditional request failed');
    if (input.TableName === 'none') return error('ResourceNotFoundException');
    if (input.ConditionExpression && input.Key.id.S === 'taken') return error('ConditionalCheckFailedException');
    return jsonAnswer(200, action === 'GetItem' ? { Item: input.Key } : {});
}

function sns(form) {
    if (form.get('TopicArn').endsWith(':none')) return xmlError(404, 'NotFound', 'Topic does not exist');
    return xmlAnswer(200, `<PublishResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>${requestId()}</MessageId>
</PublishResult><ResponseMetadata><RequestId>${requestId()}</RequestId></ResponseMetadata></PublishResponse>`);
}

function putEvents(input) {
    const entries = input.Entries.map((entry) =>
        (entry.Source ? { EventId: requestId() } : { ErrorCode: 'InvalidArgument', ErrorMessage: 'Parameter Source is not valid.' }));
    return jsonAnswer(200, { FailedEntryCount: entries.filter((entry) => entry.ErrorCode).length, Entries: entries });
}

// Executions end after `running` questions: well, or badly where the machine is called fails.
function states(action, input) {
    if (action === 'StartExecution') {
        const arn = `${input.stateMachineArn.replace(':stateMachine:', ':execution:')}:${input.name}`;
        if (!executions.has(arn)) executions.set(arn, { input: input.input, asked: 0 });
        return jsonAnswer(200, { executionArn: arn, startDate: 1790000000.5 });
    }
    const execution = executions.get(input.executionArn);
    if (!execution) return jsonError(400, 'ExecutionDoesNotExist', 'Execution Does Not Exist');
    const common = { executionArn: input.executionArn, name: 'n', input: execution.input, startDate: 1790000000.5 };
    if (execution.asked++ < timesRunning) return jsonAnswer(200, { ...common, status: 'RUNNING' });
    if (input.executionArn.includes(':fails:')) return jsonAnswer(200, { ...common, status: 'FAILED', error: 'Broken', cause: 'it broke' });
    return jsonAnswer(200, { ...common, status: 'SUCCEEDED', output: '{"done":true}' });
}

function serviceOf(request, url, form) {
    const target = request.headers['x-amz-target'] ?? '';
    if (url.pathname.startsWith('/2015-03-31/functions/')) return 'lambda';
    if (target.startsWith('AmazonSQS.')) return 'sqs';
    if (target.startsWith('DynamoDB_20120810.')) return 'dynamodb';
    if (target.startsWith('AWSEvents.')) return 'events';
    if (target.startsWith('AWSStepFunctions.')) return 'states';
    if (form.get('Action') === 'Publish') return 'sns';
    return 'execute-api';
}

function work(service, { request, url, form, bytes }) {
    const input = () => JSON.parse(bytes.toString('utf8'));
    switch (service) {
        case 'lambda': return lambda(url, request, bytes);
        case 'sqs': return sqs(input());
        case 'dynamodb': return dynamodb(request.headers['x-amz-target'].split('.')[1], input());
        case 'sns': return sns(form);
        case 'events': return putEvents(input());
        case 'states': return states(request.headers['x-amz-target'].split('.')[1], input());
        default: return { body: { path: url.pathname, query: Object.fromEntries(url.searchParams), body: bytes.toString('utf8') } };
    }
}

await serve({
    script,
    makeHandler: (self) => async (request, response) => {
        const { call, bytes } = await receive(script, request, response);
        const reply = (what) => answer(script, what, { request, response, call, bytes });
        const url = new URL(request.url, self);
        const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
        const form = new URLSearchParams(isForm ? bytes.toString('utf8') : '');
        for (const name of ['authorization', 'x-amz-security-token']) if (call.headers[name]) call.headers = { ...call.headers, [name]: '(not kept)' };
        delete call.raw_headers;
        if (call.path === '/sts') delete call.body;
        const scripted = script.next(call.path);
        if (scripted) return reply(scripted);
        if (call.path === '/sts') return reply(await assumeRole(form, call, request));
        const service = serviceOf(request, url, form);
        const refused = await refusal(request, url, bytes, call, service);
        if (refused) {
            [call.refused] = refused;
            return reply(service === 'sns' ? xmlError(403, ...refused) : jsonError(403, ...refused));
        }
        return reply(work(service, { request, url, form, bytes }));
    },
    routes: {
        'POST /__clock': ({ offset }) => { clockOffset = offset; },
        'POST /__expire': () => { for (const session of sessions.values()) session.expires = 0; },
        'POST /__executions': ({ running }) => { timesRunning = running; },
    },
});
