// Pattern: a few exchanges of words go round: the same is said to the same, lap after lap.
// Must never fire on a timer's ticks, nor on one exchange that repeats alone: that is another pattern.

import { observed, type Observation } from "./verdict.ts";
import type { PatternWindow, Single } from "./window.ts";

export const EXCHANGE_CYCLE = "exchange-cycle";

const PERIOD_MIN = 2;
const PERIOD_MAX = 8;

/** The shortest period that fires, or else the shortest that is suspected. */
export function exchangeCycle(window: PatternWindow): Observation | null {
  const broken = window.texts.findIndex((text) => text.news || text.step.user === "tick");
  const texts = broken === -1 ? window.texts : window.texts.slice(0, broken);
  const keys = texts.map(keyOf);
  let suspected: Observation | null = null;
  for (let period = PERIOD_MIN; period <= PERIOD_MAX; period += 1) {
    const lap = keys.slice(0, period);
    if (new Set(texts.slice(0, period).map((text) => text.step.call)).size < PERIOD_MIN) continue;
    const length = returning(keys, period);
    const found = observed(window, {
      pattern: EXCHANGE_CYCLE,
      identity: lap.toSorted().join(" "),
      steps: texts.slice(0, length).map((text) => text.step),
      count: Math.floor(length / period),
      threshold: window.settings.cycleLaps,
      period,
    });
    if (found?.severity === "firing") return found;
    suspected ??= found;
  }
  return suspected;
}

function keyOf(text: Single): string {
  return `${text.step.userHash} ${text.step.call}`;
}

/** Length of the newest stretch in which every exchange equals the one a period before it. */
function returning(keys: readonly string[], period: number): number {
  let length = Math.min(period, keys.length);
  while (length < keys.length && keys[length] === keys[length - period]) length += 1;
  return length;
}
