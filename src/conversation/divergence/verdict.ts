// What the detector says of a thread, and what one pattern says to the detector. Plain data.
// Must never hold more of a tool's output than the clipped samples of the evidence.

import { shortHash } from "../fingerprint.ts";
import { has, MARK, type Sample, type Step } from "./step.ts";
import type { PatternWindow } from "./window.ts";

/**
 * clear: nothing. suspected: one short of the threshold, recorded only. firing: reason to correct.
 */
export type Severity = "clear" | "suspected" | "firing";

/**
 * What differed between the repeats. spelling: only how the arguments were written, request ids or
 * tuning like a timeout. numbers: only numbers in them.
 */
export type Varied = "nothing" | "spelling" | "numbers" | "arguments" | "wording";

export interface Verdict {
  readonly severity: Severity;
  /** Name of the most severe pattern; null when clear. */
  readonly pattern: string | null;
  /** Stable id of the loop: equal as long as it is the same loop. Null when clear. */
  readonly key: string | null;
  /** How often the call came back, or laps of a cycle. 0 when clear. */
  readonly count: number;
  /** The tools that take part, each once. Empty for texts. */
  readonly tools: readonly string[];
  /** Calls of one lap of a cycle; null for the other patterns. */
  readonly period: number | null;
  readonly sample: Sample | null;
  /** Null when clear. */
  readonly varied: Varied | null;
  /** Turn of the oldest repeat that was counted; null when clear. */
  readonly firstTurn: number | null;
  /** The newest turn brought a pair of call and result that was not seen before and is no error. */
  readonly progress: boolean;
}

/** What a pattern found in a window. The newest round is part of it. */
export interface Observation extends Omit<Verdict, "progress" | "severity"> {
  readonly severity: "suspected" | "firing";
  readonly pattern: string;
  readonly key: string;
}

/** The shape of every pattern: pure, null when it has nothing to say of the newest entry. */
export type Pattern = (window: PatternWindow) => Observation | null;

/** The more severe one; of equals the one that was found first. */
export function moreSevere(
  first: Observation | null,
  second: Observation | null,
): Observation | null {
  if (first === null || second === null) return first ?? second;
  return second.severity === "firing" && first.severity !== "firing" ? second : first;
}

export interface Found {
  readonly pattern: string;
  /** What stays the same as long as it is the same loop. */
  readonly identity: string;
  /** Newest first. */
  readonly steps: readonly Step[];
  readonly count: number;
  /** What the repeats weigh; `count` where each counts whole. */
  readonly weight?: number;
  readonly threshold: number;
  readonly period?: number;
}

/** The observation, or null when it is more than one short of its threshold. */
export function observed(window: PatternWindow, found: Found): Observation | null {
  const { pattern, steps, count, threshold, weight = count } = found;
  const weighed = Math.round(weight * 100) / 100;
  if (count < 2 || weighed < threshold - 1) return null;
  const newest = steps[0];
  const turns = steps.map((step) => step.turn);
  return {
    severity: weighed >= threshold ? "firing" : "suspected",
    pattern,
    key: `${pattern}:${shortHash(found.identity)}`,
    count,
    tools: [...new Set(steps.map((step) => step.tool).filter((tool) => tool !== ""))],
    period: found.period ?? null,
    sample: newest === undefined ? null : sampleOf(window, newest),
    varied: variedOf(steps),
    firstTurn: turns.length === 0 ? null : Math.min(...turns),
  };
}

function variedOf(steps: readonly Step[]): Varied {
  const first = steps[0];
  const differs = (field: "call" | "detail" | "skeleton"): boolean =>
    steps.some((step) => step[field] !== first?.[field]);
  if (!differs("call")) return differs("detail") ? "spelling" : "nothing";
  if (first !== undefined && has(first, MARK.text)) return "wording";
  return differs("skeleton") ? "arguments" : "numbers";
}

/** The newest sample kept of a call, if one is. */
function sampleOf(window: PatternWindow, like: Step): Sample | null {
  const kept = ({ sample }: Step): boolean => sample.arguments !== "" || sample.result !== "";
  if (kept(like)) return like.sample;
  for (const round of window.rounds) {
    const found = round.steps.find((step) => step.call === like.call && kept(step));
    if (found !== undefined) return found.sample;
  }
  return null;
}
