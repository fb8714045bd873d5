// Pattern: the same call brings the same successful result again and again, and nothing new is
// learned between.
// Must never fire on polling whose answer changes, nor on a file that is read again between real
// work.

import { pairOf, type Step } from "../evidence.ts";
import { moreSevere, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, sampleOf, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const SAME_RESULT = "same-call-same-result";

/** An answer that says "not yet" is expected to repeat: it must do so this many times as often. */
const WAITING_FACTOR = 2;

export function sameCallSameResult(window: PatternWindow): Observation | null {
  return window.rounds[0].steps
    .filter((step) => !step.error)
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const { count, weight, learning } = countRepeats(window, step);
  const threshold = window.settings.sameResultCount * (step.waiting ? WAITING_FACTOR : 1);
  if (learning || count < 2 || weight < threshold - 1) return null;
  return {
    severity: weight >= threshold ? "firing" : "suspected",
    pattern: SAME_RESULT,
    key: `${SAME_RESULT}:${pairOf(step)}`,
    count,
    tools: [step.tool],
    period: null,
    sample: sampleOf(window, step.call),
  };
}

interface Repeats {
  /** Rounds that hold the pair. */
  count: number;
  weight: number;
  /**
   * Something new was learned since the previous repeat: whatever the count, the agent is not stuck
   * now.
   */
  learning: boolean;
}

/** Walks back from the newest round until a changed result, a person, or too wide a gap. */
function countRepeats(window: PatternWindow, step: Step): Repeats {
  const repeats: Repeats = { count: 0, weight: 0, learning: false };
  let gapSteps = 0;
  let news = false;
  for (const round of window.rounds) {
    const same = round.steps.filter((other) => other.call === step.call);
    if (same.some((other) => other.result !== step.result)) break;
    if (same.length > 0) {
      if (repeats.count === 1) repeats.learning = news;
      repeats.count += 1;
      repeats.weight += news ? SOFT_WEIGHT : 1;
      gapSteps = 0;
      // What a round brings beside the repeat lies between this repeat and the one before it.
      news = round.novel;
    } else {
      gapSteps += round.steps.length;
      news ||= round.novel;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    if (round.userBoundary) break;
  }
  return repeats;
}
