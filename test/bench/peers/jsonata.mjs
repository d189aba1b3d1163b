// The npm package jsonata on the cases of jsonata_cases.json, in the format of the benchmark of ours.
//
//   node jsonata.mjs <jsonata_cases.json> [seconds a case]
import fs from 'node:fs';
import jsonata from 'jsonata';

const { input, bindings, cases } = JSON.parse(fs.readFileSync(process.argv[2]));
const seconds = Number(process.argv[3] ?? 1.5);

async function perSecond(work, duration) {
    for (let i = 0; i < 200; i++) await work();
    const start = process.hrtime.bigint();
    let count = 0;
    let elapsed = 0;
    while (elapsed < duration) {
        for (let i = 0; i < 50; i++) await work();
        count += 50;
        elapsed = Number(process.hrtime.bigint() - start) / 1e9;
    }
    return count / elapsed;
}

for (const { name, expression } of cases) {
    const compiled = jsonata(expression);
    const evaluations = await perSecond(() => compiled.evaluate(input, bindings), seconds);
    const compilations = await perSecond(async () => jsonata(expression), seconds / 3);
    console.log(`${name.padEnd(16)} ${evaluations.toFixed(0).padStart(10)} evaluations/s ${compilations.toFixed(0).padStart(10)} compilations/s`);
}
