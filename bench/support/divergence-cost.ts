// What the detector costs a turn that adds two messages, in CPU time, at any length of history.
// Must never measure by the clock: the figure should not depend on what else the machine does.

import { judge } from "../../src/conversation/divergence/judge.ts";
import {
  appendEvidence,
  emptyEvidence,
  readEvidence,
  type Evidence,
} from "../../src/conversation/evidence.ts";
import { gatherSteps } from "../../src/conversation/gather-steps.ts";
import { loadProfiles } from "../../src/profiles.ts";
import type { DivergenceSettings } from "../../src/turn/profile.ts";
import type { Message, Transcript } from "../../src/turn/transcript.ts";

export interface CostOptions {
  /** Turns in one repeat, the quarter for warming up included. */
  readonly turns: number;
  /** The best of so many repeats counts. */
  readonly repeats: number;
}

export const THOROUGH: CostOptions = { turns: 20_000, repeats: 5 };
export const ROUGH: CostOptions = { turns: 4_000, repeats: 2 };

/** A typical tool result, in characters. */
export const RESULT_CHARACTERS = 1500;

const BODY = '  "line": "of a file", "count": 42, "ok": true\n'
  .repeat(RESULT_CHARACTERS / 40)
  .slice(0, RESULT_CHARACTERS);

/** Work: every call and result is new. Loop: the very same two rounds go round. */
export type Kind = "work" | "loop";

/** The settings of the AGENT profile as it is delivered. */
export function agentDivergence(): DivergenceSettings {
  const agent = loadProfiles(null).profiles.get("AGENT");
  if (agent === undefined) throw new Error("there is no profile AGENT");
  return agent.divergence;
}

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

function cpuMicros(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

/** Microseconds a turn: gather, append, judge, on a history of this many messages. */
export function turnMicros(kind: Kind, history: number, options: CostOptions): number {
  const settings = agentDivergence();
  const { turns, repeats } = options;
  const warmUpTurns = Math.floor(turns / 4);
  const rounds = Array.from({ length: turns + history / 2 }, (_, index) => round(kind, index));
  const before = rounds.slice(0, history / 2).flat();
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    let evidence = firstEvidence(before);
    let firing = 0;
    let startedAt = process.cpuUsage();
    for (let turn = 0; turn < turns; turn += 1) {
      if (turn === warmUpTurns) startedAt = process.cpuUsage();
      const [asked, answered] = rounds[history / 2 + turn] ?? round(kind, turn);
      before[history] = asked;
      before[history + 1] = answered;
      const transcript = transcriptOf(before, history + 2);
      const steps = gatherSteps(transcript, { from: history, turn });
      evidence = appendEvidence(evidence, steps);
      const verdict = judge(evidence, { fresh: steps.length, settings });
      if (verdict.severity === "firing") firing += 1;
    }
    best = Math.min(best, cpuMicros(startedAt) / (turns - warmUpTurns));
    if (firing > 0 !== (kind === "loop")) throw new Error(`${kind}: ${firing} turns fired`);
  }
  return best;
}

/** Microseconds to write and read a full window as JSON, and the bytes of it. */
export function storedWindow(options: CostOptions): {
  readonly micros: number;
  readonly bytes: number;
} {
  const rounds = Array.from({ length: 200 }, (_, index) => round("work", index));
  const evidence = firstEvidence(rounds.flat());
  let bytes = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < options.repeats; repeat += 1) {
    const startedAt = process.cpuUsage();
    for (let turn = 0; turn < options.turns; turn += 1) {
      const body = JSON.stringify(evidence);
      bytes = body.length + readEvidence(JSON.parse(body)).steps.length - evidence.steps.length;
    }
    best = Math.min(best, cpuMicros(startedAt) / options.turns);
  }
  return { micros: best, bytes };
}
