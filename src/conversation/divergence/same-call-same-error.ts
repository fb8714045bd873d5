// Pattern: the same call fails the same way again and again, across user messages too.
// Must never fire where the error changes while the agent works on it, or where the call succeeds
// in between.

import { has, isSameError, MARK, pairOf, saidOf, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, type PatternWindow } from "./window.ts";

export const SAME_ERROR = "same-call-same-error";

/**
 * How many more failures it takes when a person spoke between them: they may have asked for another
 * try.
 */
const ACROSS_USER_EXTRA = 1;
/** What a failure that passes by itself counts after a wait: five patient retries are sensible. */
const WAITED_WEIGHT = 0.4;
/** What a failure counts when there was news since the one before: an edit that changed nothing. */
const WORKED_WEIGHT = 0.75;
/** The same when that was a change of a kind of its own: another cause is being ruled out. */
const FRESHLY_WORKED_WEIGHT = 0.35;
/** Failures beyond the number of runs that the task itself asked for. */
const BEYOND_ASKED = 2;

export function sameCallSameError(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  return steps
    .filter((step) => has(step, MARK.error))
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

/** Walks back from the newest failure. The most severe stretch on the way is the observation. */
function observe(window: PatternWindow, step: Step): Observation | null {
  const { settings, task } = window;
  const asked = task.times === 0 ? 0 : task.times + BEYOND_ASKED;
  let threshold = Math.max(settings.sameErrorCount, asked);
  const failures: Step[] = [];
  let weight = 0;
  let found: Observation | null = null;
  let gap = { steps: 0, news: false, fresh: false, waited: false };
  for (const round of window.rounds) {
    const same = round.steps.filter((other) => other.call === step.call);
    const [first] = same;
    if (first !== undefined) {
      if (!same.every((other) => isSameFailure(other, step, gap.news))) break;
      failures.push(first);
      // Trying again what passes by itself, after a wait, is half sensible.
      weight += weightOf(step, gap);
      const identity = pairOf({ call: step.call, result: saidOf(step) });
      const stretch = { pattern: SAME_ERROR, identity, steps: failures, count: failures.length };
      found = moreSevere(observed(window, { ...stretch, weight, threshold }), found);
      // What a round brings beside the repeat lies between this repeat and the one before it.
      gap = { steps: 0, news: round.news, fresh: round.fresh, waited: round.afterWait };
    } else {
      gap = {
        steps: gap.steps + round.steps.length,
        news: gap.news || round.news,
        fresh: gap.fresh || round.fresh,
        waited: gap.waited || round.afterWait,
      };
      if (gap.steps > GAP_STEPS_MAX) break;
    }
    if (round.user === "tick") break;
    if (round.user === "real" || round.user === "retry") {
      threshold = Math.max(settings.sameErrorCount + ACROSS_USER_EXTRA, asked);
    }
  }
  return found;
}

function weightOf(
  step: Step,
  gap: { readonly news: boolean; readonly fresh: boolean; readonly waited: boolean },
): number {
  if (gap.fresh) return FRESHLY_WORKED_WEIGHT;
  if (gap.waited && has(step, MARK.waiting)) return WAITED_WEIGHT;
  return gap.news ? WORKED_WEIGHT : 1;
}

/**
 * A changed number in the text is a changed error where work lay between: `3 tests failed`, `2
 * tests failed`.
 */
function isSameFailure(other: Step, step: Step, news: boolean): boolean {
  if (!has(other, MARK.error)) return false;
  return other.result === step.result || (!news && isSameError(other, step));
}
