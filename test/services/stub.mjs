// An HTTP endpoint that does what the test told it to: see script.mjs for the answers and serve.mjs for the control.
// A path without a script echoes the request's body, which is what a worker test wants most of the time.
//
//   [PKI=dir] [PORT=n] [READY_FILE=path] [LIFELINE=1] node stub.mjs        https when PKI is set, else http
import { answer, receive, Script } from './script.mjs';
import { serve } from './serve.mjs';

const script = new Script();
await serve({
    script,
    makeHandler: () => async (request, response) => {
        const { call, bytes } = await receive(script, request, response);
        await answer(script, script.next(call.path) ?? { echo: 'body' }, { request, response, call, bytes });
    },
});
