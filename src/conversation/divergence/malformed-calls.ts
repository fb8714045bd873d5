// Pattern: calls that cannot work: arguments that are no JSON, none where some are needed, unknown tools.
// Must never count a call that was malformed and worked all the same.

import { has, MARK, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, type PatternWindow } from "./window.ts";

export const MALFORMED = "malformed-calls";

export function malformedCalls(window: PatternWindow): Observation | null {
  const steps: Step[] = [];
  let found: Observation | null = null;
  let gapSteps = 0;
  for (const [index, round] of window.rounds.entries()) {
    const bad = round.steps.find((step) => has(step, MARK.malformed) && has(step, MARK.error));
    if (bad === undefined) {
      if (index === 0 || round.news) break;
      gapSteps += round.steps.length;
      if (gapSteps > GAP_STEPS_MAX) break;
    } else {
      steps.push(bad);
      gapSteps = 0;
      const stretch = { pattern: MALFORMED, steps, count: steps.length, identity: "calls" };
      const threshold = window.settings.malformedCount;
      found = moreSevere(found, observed(window, { ...stretch, threshold }));
    }
    if (isNewWish(round.user)) break;
  }
  return found;
}
