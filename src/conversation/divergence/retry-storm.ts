// Pattern: a call is tried again and again while the service is down, whatever words it fails with.
// Must never fire on a few patient retries: waiting between them counts.

import { has, MARK, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, type PatternWindow } from "./window.ts";

export const RETRY_STORM = "retry-storm";

export function retryStorm(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  const isTransient = (step: Step): boolean => has(step, MARK.error) && has(step, MARK.waiting);
  return steps
    .filter(isTransient)
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const steps: Step[] = [];
  let found: Observation | null = null;
  let gapSteps = 0;
  for (const round of window.rounds) {
    const same = round.steps.find((other) => other.call === step.call);
    if (same === undefined) {
      gapSteps += round.steps.length;
      if (gapSteps > GAP_STEPS_MAX || round.news) break;
    } else {
      if (!has(same, MARK.error) || !has(same, MARK.waiting)) break;
      steps.push(same);
      gapSteps = 0;
      const stretch = { pattern: RETRY_STORM, steps, count: steps.length, identity: step.call };
      const threshold = window.settings.retryStormCount;
      found = moreSevere(found, observed(window, { ...stretch, threshold }));
    }
    if (isNewWish(round.user)) break;
  }
  return found;
}
