// Pattern: the same call fails the same way again and again, across user messages too.
// Must never fire where the error changes while the agent works on it, or where the call succeeds
// in between.

import { pairOf, type Step } from "../evidence.ts";
import { moreSevere, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, sampleOf, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const SAME_ERROR = "same-call-same-error";

/**
 * How many more failures it takes when a person spoke between them: they may have asked for another
 * try.
 */
const ACROSS_USER_EXTRA = 1;

export function sameCallSameError(window: PatternWindow): Observation | null {
  return window.rounds[0].steps
    .filter((step) => step.error)
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

/** Walks back from the newest failure. The most severe stretch on the way is the observation. */
function observe(window: PatternWindow, step: Step): Observation | null {
  let threshold = window.settings.sameErrorCount;
  const streak: Streak = { count: 0, weight: 0 };
  let found: Observation | null = null;
  let gap = { steps: 0, news: false, waited: false };
  for (const round of window.rounds) {
    const same = round.steps.filter((other) => other.call === step.call);
    if (same.length > 0) {
      if (!same.every((other) => isSameFailure(other, step, gap.news))) break;
      streak.count += 1;
      // Trying again what passes by itself, after a wait, is half sensible.
      const soft = gap.news || (gap.waited && step.waiting);
      streak.weight += soft ? SOFT_WEIGHT : 1;
      found = moreSevere(observation(window, { step, streak, threshold }), found);
      // What a round brings beside the repeat lies between this repeat and the one before it.
      gap = { steps: 0, news: round.novel, waited: round.afterWait };
    } else {
      gap = {
        steps: gap.steps + round.steps.length,
        news: gap.news || round.novel,
        waited: gap.waited || round.afterWait,
      };
      if (gap.steps > GAP_STEPS_MAX) break;
    }
    if (round.userBoundary) threshold = window.settings.sameErrorCount + ACROSS_USER_EXTRA;
  }
  return found;
}

interface Streak {
  /** Rounds that hold the failure. */
  count: number;
  weight: number;
}

/**
 * A changed number in the text is a changed error where work lay between: `3 tests failed`, `2
 * tests failed`.
 */
function isSameFailure(other: Step, step: Step, news: boolean): boolean {
  return other.result === step.result || (!news && other.errorClass === step.errorClass);
}

function observation(
  window: PatternWindow,
  found: { readonly step: Step; readonly streak: Streak; readonly threshold: number },
): Observation | null {
  const { step, streak, threshold } = found;
  if (streak.count < 2 || streak.weight < threshold - 1) return null;
  return {
    severity: streak.weight >= threshold ? "firing" : "suspected",
    pattern: SAME_ERROR,
    key: `${SAME_ERROR}:${pairOf({ call: step.call, result: step.errorClass })}`,
    count: streak.count,
    tools: [step.tool],
    period: null,
    sample: sampleOf(window, step.call),
  };
}
