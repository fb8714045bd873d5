// Question: what does the detector cost a turn that adds two messages, and does the length of the
// history matter?
// Run: node bench/divergence-cost.bench.ts [--quick]. Prints one line of JSON; must never be part of
// the tests.

import {
  RESULT_CHARACTERS,
  ROUGH,
  storedWindow,
  THOROUGH,
  turnMicros,
  type Kind,
} from "./support/divergence-cost.ts";

const HISTORIES = [20, 200, 2000];
const OPTIONS = process.argv.includes("--quick") ? ROUGH : THOROUGH;

const rounded = (value: number): number => Math.round(value * 100) / 100;
const costs = (kind: Kind): Record<string, number> =>
  Object.fromEntries(
    HISTORIES.map((history) => [`history${history}`, rounded(turnMicros(kind, history, OPTIONS))]),
  );
const stored = storedWindow(OPTIONS);
console.log(
  JSON.stringify({
    bench: "divergence-cost",
    unit: "µs of CPU per turn",
    resultCharacters: RESULT_CHARACTERS,
    work: costs("work"),
    loop: costs("loop"),
    writeAndRead: rounded(stored.micros),
    storedBytes: stored.bytes,
  }),
);
