// AWS Lambda for the conformance cases: the Invoke API, and each handler at a path of its own.
//
//   POST /2015-03-31/functions/<name or ARN>/invocations     as AWS answers; the function's name is "fn-<handler>-..."
//   POST /run/<handler>                                      the handler's answer alone
//
// The README of the recorded cases says what the handlers do. A function exists if its name begins with fn-.
// A handler that waits keeps its caller until the caller hangs up, or for a minute.
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const failure = (errorType, errorMessage, line) => ({
    error: { errorMessage, errorType, requestId: randomUUID(), stackTrace: [line] },
});

const handlers = {
    id_function: (event) => ({ value: event }),
    return_id: (event) => ({ value: event }),
    echo_function: () => ({ value: { Return: 'HelloWorld' } }),
    return_bytes_str: () => ({ value: 'HelloWorld!' }),
    large_output_string: () => ({ value: 'a'.repeat(257 * 1024) }),
    raise_exception: () => failure('Exception', 'Some exception was raised.',
        '  File "/var/task/handler.py", line 2, in handler\n    raise Exception("Some exception was raised.")\n'),
    raise_custom_exception: () => failure('CustomException', '',
        '  File "/var/task/handler.py", line 9, in handler\n    raise CustomException()\n'),
    wait_60_seconds: () => ({ value: null, after: 60_000 }),
};

// Python's json.dumps, whose length is the one that was recorded.
function inPython(value) {
    if (Array.isArray(value)) return `[${value.map(inPython).join(', ')}]`;
    if (value === null || typeof value !== 'object') return JSON.stringify(value);
    return `{${Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${inPython(member)}`).join(', ')}}`;
}

const script = new Script();
await serve({
    script,
    makeHandler: () => async (request, response) => {
        const { bytes } = await receive(script, request, response);
        const [, name] = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url) ?? [];
        const [, plain] = /^\/run\/(\w+)$/.exec(request.url) ?? [];
        const own = name && decodeURIComponent(name).replace(/^arn:.*:function:/, '');
        const handler = handlers[plain ?? /^fn-(\w+)-/.exec(own)?.[1]];
        // AWS says this and no Keep-Alive beside it.
        const headers = { Connection: 'keep-alive', 'content-type': 'application/json', 'x-amzn-RequestId': randomUUID() };
        if (!handler) {
            const arn = `arn:aws:lambda:us-east-1:111111111111:function:${own}:$LATEST`;
            response.writeHead(404, { ...headers, 'x-amzn-ErrorType': 'ResourceNotFoundException' })
                .end(JSON.stringify({ Type: 'User', Message: `Function not found: ${arn}` }));
            return;
        }
        const { value, error, after } = handler(bytes.length > 0 ? JSON.parse(bytes.toString()) : {});
        if (after) await new Promise((resolve) => {
            const timer = setTimeout(resolve, after);
            response.on('close', () => { clearTimeout(timer); resolve(); });
        });
        if (response.destroyed) return;
        const body = Buffer.from(error ? JSON.stringify(error) : inPython(value));
        if (error) headers['X-Amz-Function-Error'] = 'Unhandled';
        if (name) {
            headers['X-Amz-Executed-Version'] = '$LATEST';
            headers['x-amzn-Remapped-Content-Length'] = '0';
            headers['X-Amzn-Trace-Id'] = `root=1-${randomUUID()}`;
            if (request.headers['x-amz-log-type'] === 'Tail') headers['X-Amz-Log-Result'] = Buffer.from('END\n').toString('base64');
        }
        response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
    },
});
