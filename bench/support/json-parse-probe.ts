// A process that measures the CPU time of one JSON.parse of the large body, in a fresh heap.
// Must never run while a variant is loaded. Usage: node json-parse-probe.ts; prints JSON.

import { bodyOfTurn, makeTranscript, middleTurn } from "./bodies.ts";

const WARM_UP_PARSES = 20;
const MEASURED_PARSES = 80;

function measureMicros(work: () => unknown): number {
  for (let count = 0; count < WARM_UP_PARSES; count += 1) work();
  const before = process.cpuUsage();
  for (let count = 0; count < MEASURED_PARSES; count += 1) work();
  const used = process.cpuUsage(before);
  return (used.user + used.system) / MEASURED_PARSES;
}

const transcript = makeTranscript("large", false);
const body = bodyOfTurn(transcript, middleTurn(transcript));
const text = body.toString();
const parseMicros = measureMicros(() => JSON.parse(text));
const decodeAndParseMicros = measureMicros(() => JSON.parse(body.toString()));
process.stdout.write(JSON.stringify({ bytes: body.length, parseMicros, decodeAndParseMicros }));
