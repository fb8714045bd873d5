// Question: what does the detector cost a turn that adds two messages, and does the length of the
// history matter?
// Run: node bench/divergence-cost.bench.ts. Prints one line of JSON; must never be part of the
// tests.

import { judge } from "../src/conversation/divergence/judge.ts";
import {
  appendEvidence,
  emptyEvidence,
  gatherSteps,
  readEvidence,
  type Evidence,
} from "../src/conversation/evidence.ts";
import type { DivergenceSettings } from "../src/turn/profile.ts";
import type { Message, Transcript } from "../src/turn/transcript.ts";

const HISTORIES = [20, 2000];
const TURNS = 20_000;
const WARM_UP_TURNS = 5000;
const REPEATS = 5;
/** A typical tool result, in characters. */
const RESULT_CHARACTERS = 1500;

const SETTINGS: DivergenceSettings = {
  mode: "correct",
  sameResultCount: 4,
  sameErrorCount: 3,
  cycleLaps: 3,
  correctionsMax: 4,
  coolDownTurns: 3,
};

const BODY = '  "line": "of a file", "count": 42, "ok": true\n'
  .repeat(RESULT_CHARACTERS / 40)
  .slice(0, RESULT_CHARACTERS);

/** Work: every call and result is new. Loop: the very same two rounds go round. */
type Kind = "work" | "loop";

function round(kind: Kind, index: number): readonly [Message, Message] {
  const key = kind === "work" ? index : index % 2;
  const args = JSON.stringify({ path: `src/file-${key}.ts`, offset: key, limit: 200 });
  const call = { id: `call_${index}`, name: "read_file", arguments: args };
  const result = { callId: call.id, text: `${key}: ${BODY}`, isError: false };
  return [
    { role: "assistant", text: "Let me look.", calls: [call], results: [] },
    { role: "tool", text: "", calls: [], results: [result] },
  ];
}

function transcriptOf(messages: readonly Message[], count: number): Transcript {
  return {
    count,
    read(index) {
      const message = index < count ? messages[index] : undefined;
      if (message === undefined) throw new RangeError(`no message at ${index}`);
      return message;
    },
  };
}

function firstEvidence(messages: readonly Message[]): Evidence {
  const transcript = transcriptOf(messages, messages.length);
  return appendEvidence(emptyEvidence(), gatherSteps(transcript, { from: 0, turn: 0 }));
}

/** CPU time, not the clock: the figure should not depend on what else the machine does. */
function cpuMicros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

/** Microseconds a turn: gather, append, judge, on a history of this many messages. */
function measure(kind: Kind, history: number): number {
  const rounds = Array.from({ length: TURNS + history / 2 }, (_, index) => round(kind, index));
  const before = rounds.slice(0, history / 2).flat();
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    let evidence = firstEvidence(before);
    let firing = 0;
    let startedAt = process.cpuUsage();
    for (let turn = 0; turn < TURNS; turn += 1) {
      if (turn === WARM_UP_TURNS) startedAt = process.cpuUsage();
      const [asked, answered] = rounds[history / 2 + turn] ?? round(kind, turn);
      before[history] = asked;
      before[history + 1] = answered;
      const transcript = transcriptOf(before, history + 2);
      const steps = gatherSteps(transcript, { from: history, turn });
      evidence = appendEvidence(evidence, steps);
      const verdict = judge(evidence, { fresh: steps.length, settings: SETTINGS });
      if (verdict.severity === "firing") firing += 1;
    }
    best = Math.min(best, cpuMicros(startedAt) / (TURNS - WARM_UP_TURNS));
    if (firing > 0 !== (kind === "loop")) throw new Error(`${kind}: ${firing} turns fired`);
  }
  return best;
}

/** Microseconds to write and read a full window as JSON. */
function measureStored(): { readonly micros: number; readonly bytes: number } {
  const rounds = Array.from({ length: 200 }, (_, index) => round("work", index));
  const evidence = firstEvidence(rounds.flat());
  let bytes = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const startedAt = process.cpuUsage();
    for (let turn = 0; turn < TURNS; turn += 1) {
      const body = JSON.stringify(evidence);
      bytes = body.length + readEvidence(JSON.parse(body)).steps.length - evidence.steps.length;
    }
    best = Math.min(best, cpuMicros(startedAt) / TURNS);
  }
  return { micros: best, bytes };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
const costs = (kind: Kind): Record<string, number> =>
  Object.fromEntries(
    HISTORIES.map((history) => [`history${history}`, rounded(measure(kind, history))]),
  );
const storedWindow = measureStored();
console.log(
  JSON.stringify({
    bench: "divergence-cost",
    unit: "µs of CPU per turn",
    resultCharacters: RESULT_CHARACTERS,
    work: costs("work"),
    loop: costs("loop"),
    writeAndRead: rounded(storedWindow.micros),
    storedBytes: storedWindow.bytes,
  }),
);
