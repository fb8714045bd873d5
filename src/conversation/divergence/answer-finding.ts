// What was found in an answer's text waits in its thread until the next turn is asked: only then can one act on it.
// Must never outlive that turn, nor hold any text of the answer.

import { VERDICTS_KEPT_MAX, type ThreadRecord } from "../record.ts";
import { STREAM_REPETITION, type Repetition } from "./stream-repetition.ts";
import type { Verdict } from "./verdict.ts";

/** The thread with what was found in the answer of `turn`; the same thread when that is nothing. */
export function noteRepetition(
  thread: ThreadRecord,
  answer: { readonly turn: number; readonly repetition: Repetition | null },
): ThreadRecord {
  const { turn, repetition } = answer;
  if (repetition === null) return thread;
  const { count } = repetition;
  const recorded = { turn, severity: "firing", pattern: STREAM_REPETITION, count, tools: [] };
  return {
    ...thread,
    finding: { turn, count },
    verdicts: [...thread.verdicts, { ...recorded, key: STREAM_REPETITION }].slice(
      -VERDICTS_KEPT_MAX,
    ),
  };
}

/** The verdict of this turn, where the answer before it counts too. A loop of calls is the more urgent one. */
export function withFinding(verdict: Verdict, finding: ThreadRecord["finding"]): Verdict {
  if (finding === null || verdict.severity === "firing") return verdict;
  return {
    ...verdict,
    severity: "firing",
    pattern: STREAM_REPETITION,
    // One trouble, whatever words come again: the ladder goes on where it stood.
    key: STREAM_REPETITION,
    count: finding.count,
    tools: [],
    period: null,
    sample: null,
  };
}
