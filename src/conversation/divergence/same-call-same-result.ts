// Pattern: the same call brings the same successful result again and again, and nothing new is
// learned between.
// Must never fire on polling whose answer changes, nor on a file that is read again between real
// work.

import { has, MARK, pairOf, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const SAME_RESULT = "same-call-same-result";

/** What is expected to repeat must do so this many times as often: a "not yet", a key press. */
const PATIENT_FACTOR = 2;
/** The same where the task is to keep an eye on something. */
const WATCHING_FACTOR = 3;
/** Repeats beyond the number that the task itself asked for. */
const BEYOND_ASKED = 2;

export function sameCallSameResult(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  return (
    steps
      // Side effects have a pattern of their own.
      .filter((step) => !has(step, MARK.error | MARK.effects))
      .map((step) => observe(window, step))
      .reduce(moreSevere, null)
  );
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const { repeats, weight, learning, extra } = countRepeats(window, step);
  if (learning) return null;
  return observed(window, {
    pattern: SAME_RESULT,
    identity: pairOf(step),
    steps: repeats,
    count: repeats.length,
    weight,
    threshold: thresholdOf(window, step) + extra,
  });
}

function isPatient(step: Step): boolean {
  return has(step, MARK.waiting | MARK.polls);
}

function thresholdOf({ settings, task }: PatternWindow, step: Step): number {
  const watching = task.watch && !has(step, MARK.mutates);
  const factor = isPatient(step) ? (watching ? WATCHING_FACTOR : PATIENT_FACTOR) : watching ? 2 : 1;
  const asked = task.times === 0 ? 0 : task.times + BEYOND_ASKED;
  return Math.max(settings.sameResultCount * factor, asked);
}

interface Repeats {
  /** One of each round, newest first. */
  readonly repeats: readonly Step[];
  readonly weight: number;
  /**
   * Something new was learned since the previous repeat: whatever the count, the agent is not stuck
   * now.
   */
  readonly learning: boolean;
  /** Somebody asked for it once more. */
  readonly extra: number;
}

/** Walks back from the newest round until a changed result, a new wish, or too wide a gap. */
function countRepeats(window: PatternWindow, step: Step): Repeats {
  const repeats: Step[] = [];
  let [weight, gapSteps, extra] = [0, 0, 0];
  let [news, waited, learning] = [false, false, false];
  for (const round of window.rounds) {
    const same = round.steps.filter((other) => other.call === step.call);
    if (same.some((other) => other.result !== step.result)) break;
    const [first] = same;
    if (first !== undefined) {
      if (repeats.length === 1) learning = news;
      repeats.push(first);
      weight += news || (waited && isPatient(step)) ? SOFT_WEIGHT : 1;
      gapSteps = 0;
      // What a round brings beside the repeat lies between this repeat and the one before it.
      news = round.news;
      waited = round.afterWait;
    } else {
      gapSteps += round.steps.length;
      news ||= round.news;
      waited ||= round.afterWait;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    if (isNewWish(round.user)) break;
    if (round.user === "retry") extra = 1;
  }
  return { repeats, weight, learning, extra };
}
