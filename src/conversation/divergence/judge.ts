// The detector: runs every pattern over the evidence and takes the most severe observation.
// Must never add scores up: a verdict names one pattern that a person can check by hand.

import type { DivergenceSettings } from "../../turn/profile.ts";
import type { Evidence } from "../evidence.ts";
import { cycle } from "./cycle.ts";
import { sameCallSameError } from "./same-call-same-error.ts";
import { sameCallSameResult } from "./same-call-same-result.ts";
import { moreSevere, type Pattern, type Verdict } from "./verdict.ts";
import { isNeutral, isProgress, makeRounds } from "./window.ts";

/** All patterns. Of equally severe observations the earlier one is reported. */
const PATTERNS: readonly Pattern[] = [sameCallSameError, sameCallSameResult, cycle];

/** Nothing to report. */
const CLEAR = {
  severity: "clear",
  pattern: null,
  key: null,
  count: 0,
  tools: [],
  period: null,
  sample: null,
} as const satisfies Omit<Verdict, "progress">;

/**
 * Judges the evidence as it is after this turn. `fresh` is how many of the newest steps this turn
 * brought; a pattern counts only when the newest round is part of it, so that an old loop is not
 * reported for ever.
 */
export function judge(
  evidence: Evidence,
  options: { readonly fresh: number; readonly settings: DivergenceSettings },
): Verdict {
  const start = Math.max(0, evidence.steps.length - options.fresh);
  const progress = isProgress(evidence, start);
  if (!comesBack(evidence, start)) return { ...CLEAR, progress };
  const [newest, ...older] = makeRounds(evidence);
  if (newest === undefined) return { ...CLEAR, progress };
  const window = { rounds: [newest, ...older], settings: options.settings } as const;
  const found = PATTERNS.map((pattern) => pattern(window)).reduce(moreSevere, null);
  return found === null ? { ...CLEAR, progress } : { ...found, progress };
}

/** A cheap look ahead: no pattern can hold when no fresh call was made before. */
function comesBack(evidence: Evidence, start: number): boolean {
  const { steps } = evidence;
  return steps.some((step, position) => {
    if (position < start || isNeutral(step)) return false;
    return steps.findIndex((other) => other.call === step.call) < position;
  });
}
