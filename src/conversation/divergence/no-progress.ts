// Pattern: many calls in a row, none of which brings anything that was not seen before.
// Must never fire on a second pass over a list: as many calls as there are different ones are fine, twice.

import { has, MARK, type Step } from "./step.ts";
import { observed, type Observation } from "./verdict.ts";
import { isNewWish, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const NO_PROGRESS = "no-progress";

/** Each call of the stretch may be made this often before the stretch is long. */
const PASSES = 2;

export function noProgress(window: PatternWindow): Observation | null {
  const { settings, task } = window;
  const steps: Step[] = [];
  const distinct = new Set<string>();
  let weight = 0;
  let best: Stretch | null = null;
  for (const round of window.rounds) {
    if (round.novel) break;
    for (const step of round.steps) {
      steps.push(step);
      distinct.add(step.call);
      const patient = has(step, MARK.waiting | MARK.polls) || round.afterWait;
      weight += patient ? SOFT_WEIGHT : 1;
    }
    const threshold = Math.max(settings.noProgressCalls, PASSES * distinct.size) + task.times;
    const stretch = { count: steps.length, weight, threshold };
    if (best === null || shortOf(stretch) <= Math.max(0, shortOf(best))) best = stretch;
    if (isNewWish(round.user)) break;
  }
  if (best === null) return null;
  const counted = steps.slice(0, best.count);
  return observed(window, { pattern: NO_PROGRESS, identity: "stretch", steps: counted, ...best });
}

interface Stretch {
  readonly count: number;
  readonly weight: number;
  readonly threshold: number;
}

/** How much is missing for the stretch to be long; 0 or less: nothing. */
function shortOf(stretch: Stretch): number {
  return stretch.threshold - stretch.weight;
}
