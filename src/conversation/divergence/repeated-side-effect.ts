// Pattern: the same payment, message, booking or deletion is made once more, and succeeds each time.
// Must never fire where the task asks for that many, or where work lies between, like a notice per item.

import { has, MARK, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, type PatternWindow } from "./window.ts";

export const SIDE_EFFECT = "repeated-side-effect";

/** Repeats beyond the number that the task itself asked for. */
const BEYOND_ASKED = 2;

export function repeatedSideEffect(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  return steps
    .filter((step) => has(step, MARK.effects) && !has(step, MARK.error | MARK.polls))
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

/** Whatever the answers say: each message that is sent gets an id of its own. */
function observe(window: PatternWindow, step: Step): Observation | null {
  const { settings, task } = window;
  const asked = Math.max(task.times, task.items);
  const threshold = Math.max(settings.sideEffectCount, asked === 0 ? 0 : asked + BEYOND_ASKED);
  const repeats: Step[] = [];
  let gapSteps = 0;
  let found: Observation | null = null;
  for (const round of window.rounds) {
    const same = round.steps.find((other) => other.call === step.call && !has(other, MARK.error));
    if (same !== undefined) {
      repeats.push(same);
      gapSteps = 0;
      const stretch = { pattern: SIDE_EFFECT, identity: step.call, steps: repeats, threshold };
      found = moreSevere(observed(window, { ...stretch, count: repeats.length }), found);
    } else {
      gapSteps += round.steps.length;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    // A repeat's own answer is new each time; what other calls bring is work.
    if (same === undefined && round.news) break;
    if (isNewWish(round.user) || round.user === "retry") break;
  }
  return found;
}
