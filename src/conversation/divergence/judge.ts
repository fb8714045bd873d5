// The detector: runs every pattern over the evidence and takes the most severe observation.
// Must never add scores up: a verdict names one pattern that a person can check by hand.

import type { DivergenceSettings } from "../../turn/profile.ts";
import type { Evidence } from "../evidence.ts";
import { announcedOnly } from "./announced-only.ts";
import { cycle } from "./cycle.ts";
import { exchangeCycle } from "./exchange-cycle.ts";
import { handOffCycle } from "./hand-off-cycle.ts";
import { malformedCalls } from "./malformed-calls.ts";
import { noProgress } from "./no-progress.ts";
import { planChurn } from "./plan-churn.ts";
import { planSetBack } from "./plan-set-back.ts";
import { reaskedQuestion } from "./reasked-question.ts";
import { repeatedSideEffect } from "./repeated-side-effect.ts";
import { repeatedText } from "./repeated-text.ts";
import { retryStorm } from "./retry-storm.ts";
import { sameCallSameError } from "./same-call-same-error.ts";
import { sameCallSameResult } from "./same-call-same-result.ts";
import { sameErrorVariedCalls } from "./same-error-varied-calls.ts";
import { sameResultNearCalls } from "./same-result-near-calls.ts";
import { sameWorkAfterCompaction } from "./same-work-after-compaction.ts";
import { has, MARK, pairOf, type Step } from "./step.ts";
import { moreSevere, type Pattern, type Verdict } from "./verdict.ts";
import { isNeutral, isProgress, makeWindow, type PatternWindow } from "./window.ts";

/** By what the newest entry is. Of equally severe observations the earlier pattern is reported. */
const PATTERNS: Readonly<Record<PatternWindow["newest"], readonly Pattern[]>> = {
  calls: [
    repeatedSideEffect,
    sameCallSameError,
    malformedCalls,
    sameCallSameResult,
    sameErrorVariedCalls,
    sameResultNearCalls,
    cycle,
    handOffCycle,
    sameWorkAfterCompaction,
    retryStorm,
    noProgress,
  ],
  text: [repeatedText, reaskedQuestion, exchangeCycle, announcedOnly],
  plan: [planChurn, planSetBack],
  neutral: [],
};

/** Nothing to report. */
const CLEAR = {
  severity: "clear",
  pattern: null,
  key: null,
  count: 0,
  tools: [],
  period: null,
  sample: null,
  varied: null,
  firstTurn: null,
} as const satisfies Omit<Verdict, "progress">;

/**
 * Judges the evidence as it is after this turn. `fresh` is how many of the newest steps this turn
 * brought; a pattern counts only when the newest entry is part of it, so that an old loop is not
 * reported for ever.
 */
export function judge(
  evidence: Evidence,
  options: { readonly fresh: number; readonly settings: DivergenceSettings },
): Verdict {
  const start = Math.max(0, evidence.steps.length - options.fresh);
  const progress = isProgress(evidence, start);
  if (!comesBack(evidence, start)) return { ...CLEAR, progress };
  const window = makeWindow(evidence, options.settings);
  const found = PATTERNS[window.newest].map((pattern) => pattern(window)).reduce(moreSevere, null);
  return found === null ? { ...CLEAR, progress } : { ...found, progress };
}

/** A cheap look ahead: no pattern can hold when nothing of the newest step was there before. */
function comesBack(evidence: Evidence, start: number): boolean {
  const { steps, seen } = evidence;
  const newest = steps.at(-1);
  if (newest === undefined || start >= steps.length || isNeutral(newest)) return false;
  if (has(newest, MARK.text | MARK.plans)) return true;
  return steps.some((step, position) => {
    if (position < start || has(step, MARK.text)) return false;
    if (seen.includes(pairOf(step))) return true;
    return steps.some((other, before) => before < position && resembles(other, step));
  });
}

function resembles(other: Step, step: Step): boolean {
  if (other.call === step.call || other.result === step.result) return true;
  if (step.grams !== "" && other.grams === step.grams && other.tool === step.tool) return true;
  const mark = step.marks & other.marks;
  return (mark & (MARK.error | MARK.malformed)) !== 0;
}
