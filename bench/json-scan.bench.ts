// Question: what does finding the spans of a request body cost, against parsing it (JSON.parse of
// the decoded text)? Prints one line of JSON with medians in microseconds, at 200 B, 20 KB and 400
// KB. Run: node bench/json-scan.bench.ts

import { scanBody } from "../src/api/json-scan.ts";

const OPTIONS = { arrayField: "messages", depthMax: 64 };
const SAMPLES = 201;
/**
 * A sample repeats the work until about this many bytes are read: the clock is too coarse for 200
 * B.
 */
const SAMPLE_BYTES = 400_000;

const CODE = [
  'export function read(path: string): string {\n  const text = open("src/" + path);\n',
  '  if (text === "\\n") {\n    throw new Error("empty file: \\"" + path + "\\"");\n  }\n',
  "  return text\n    .split(/\\s+/)\n    .map((word) => word.trim())\n    .join(' ');\n}\n\n",
].join("");

/** About `bytes` of the history of a coding agent: turns of tool call, tool result and user. */
function agentBody(bytes: number): Buffer {
  const messages: object[] = [
    {
      role: "user",
      content: "Say hello in one short sentence, then tell me what you can do in this repository.",
    },
  ];
  const body = { model: "lab/big", stream: true, temperature: 0.2, max_tokens: 4096, messages };
  for (let turn = 0, size = 150; size < bytes - 100; turn += 1) {
    const call = { name: "read_file", arguments: JSON.stringify({ path: `src/${turn}.ts` }) };
    const id = `call_${turn}`;
    const added = [
      { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: call }] },
      { role: "tool", tool_call_id: id, content: CODE.repeat(4 + (turn % 17)) },
      { role: "user", content: `Now the same for file ${turn + 1}, and keep the tests green.` },
    ];
    messages.push(...added);
    size += JSON.stringify(added).length;
  }
  return Buffer.from(JSON.stringify(body));
}

function medianMicros(body: Buffer, work: (body: Buffer) => unknown): number {
  const repeats = Math.max(1, Math.round(SAMPLE_BYTES / body.length));
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const startedAt = process.hrtime.bigint();
    for (let turn = 0; turn < repeats; turn += 1) work(body);
    samples.push(Number(process.hrtime.bigint() - startedAt) / 1000 / repeats);
  }
  samples.sort((left, right) => left - right);
  return Number((samples[SAMPLES >> 1] ?? 0).toFixed(2));
}

const results: object[] = [];
for (const bytes of [200, 20_000, 400_000]) {
  const body = agentBody(bytes);
  const scanMicros = medianMicros(body, (input) => scanBody(input, OPTIONS));
  const parseMicros = medianMicros(body, (input): unknown => JSON.parse(input.toString()));
  const messages = scanBody(body, OPTIONS).elements.length;
  const ratio = Number((scanMicros / parseMicros).toFixed(2));
  results.push({ bytes: body.length, messages, scanMicros, parseMicros, ratio });
}
console.log(JSON.stringify({ bench: "json-scan", node: process.version, results }));
