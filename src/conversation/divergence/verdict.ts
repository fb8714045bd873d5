// What the detector says of a thread, and what one pattern says to the detector. Plain data.
// Must never hold more of a tool's output than the clipped samples of the evidence.

import type { Sample } from "../evidence.ts";
import type { PatternWindow } from "./window.ts";

/**
 * clear: nothing. suspected: one short of the threshold, recorded only. firing: reason to correct.
 */
export type Severity = "clear" | "suspected" | "firing";

export interface Verdict {
  readonly severity: Severity;
  /** Name of the most severe pattern; null when clear. */
  readonly pattern: string | null;
  /** Stable id of the loop: equal as long as it is the same loop. Null when clear. */
  readonly key: string | null;
  /** How often the call came back, or laps of a cycle. 0 when clear. */
  readonly count: number;
  /** The tools that take part, each once. */
  readonly tools: readonly string[];
  /** Rounds of one lap of a cycle; null for the other patterns. */
  readonly period: number | null;
  readonly sample: Sample | null;
  /** The newest turn brought a pair of call and result that was not seen before and is no error. */
  readonly progress: boolean;
}

/** What a pattern found in a window. The newest round is part of it. */
export interface Observation {
  readonly severity: "suspected" | "firing";
  readonly pattern: string;
  readonly key: string;
  readonly count: number;
  readonly tools: readonly string[];
  readonly period: number | null;
  readonly sample: Sample | null;
}

/** The shape of every pattern: pure, null when it has nothing to say of the newest round. */
export type Pattern = (window: PatternWindow) => Observation | null;

/** The more severe one; of equals the one that was found first. */
export function moreSevere(
  first: Observation | null,
  second: Observation | null,
): Observation | null {
  if (first === null || second === null) return first ?? second;
  return second.severity === "firing" && first.severity !== "firing" ? second : first;
}
