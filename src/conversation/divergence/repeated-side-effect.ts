// Pattern: the same payment, message, booking or deletion is made once more, and succeeds each time.
// Must never fire where the task asks for that many, or where work lies between, like a notice per item.

import { isSurvey } from "./near.ts";
import { isWhole, likeness } from "./sketch.ts";
import { has, MARK, WORDS_MAX, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, type PatternWindow } from "./window.ts";

export const SIDE_EFFECT = "repeated-side-effect";

/** Words in common from which on the same target is told the same in other words. */
const REWORDED_LIKENESS = 0.5;
/** One more is needed then. */
const REWORDED_EXTRA = 1;
/** Words in common from which on it may be the same in wholly other words; two more are needed then. */
const RELATED_LIKENESS = 0.35;
const RELATED_EXTRA = 2;
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
  const least = asked === 0 ? 0 : asked + BEYOND_ASKED;
  const same = walk(window, {
    isSame: (other) => other.call === step.call,
    identity: step.call,
    threshold: Math.max(settings.sideEffectCount, least),
  });
  if (step.grams === "") return same;
  const reworded = walk(window, {
    isSame: (other) => isReworded(other, step, REWORDED_LIKENESS),
    identity: step.grams,
    threshold: Math.max(settings.sideEffectCount + REWORDED_EXTRA, least),
  });
  const related = walk(window, {
    isSame: (other) => isReworded(other, step, RELATED_LIKENESS),
    identity: step.grams,
    threshold: Math.max(settings.sideEffectCount + RELATED_EXTRA, least),
  });
  return [same, reworded, related].reduce(moreSevere);
}

/** What can be told apart is the same: recipient, time, amount. Only the prose differs a little. */
function isReworded(other: Step, step: Step, least: number): boolean {
  if (other.call === step.call) return true;
  if (other.tool !== step.tool || other.grams !== step.grams) return false;
  return likeness(other.words, step.words, WORDS_MAX) >= least;
}

interface Wanted {
  readonly isSame: (other: Step) => boolean;
  readonly identity: string;
  readonly threshold: number;
}

function walk(window: PatternWindow, wanted: Wanted): Observation | null {
  const { identity, threshold } = wanted;
  const repeats: Step[] = [];
  let [gapSteps, weight] = [0, 0];
  let worked = false;
  let found: Observation | null = null;
  for (const round of window.rounds) {
    const same = round.steps.find((other) => !has(other, MARK.error) && wanted.isSame(other));
    if (same !== undefined) {
      repeats.push(same);
      // What follows work of its own may be a notice for each item, and is no repeat.
      if (!worked) weight += 1;
      if (!isList(repeats)) {
        const stretch = { pattern: SIDE_EFFECT, identity, steps: repeats, threshold, weight };
        found = moreSevere(observed(window, { ...stretch, count: repeats.length }), found);
      }
      [gapSteps, worked] = [0, false];
    } else {
      gapSteps += round.steps.length;
      if (gapSteps > GAP_STEPS_MAX) break;
      // A repeat's own answer is new each time; what other calls bring is work.
      worked ||= round.news;
    }
    if (isNewWish(round.user) || round.user === "retry") break;
  }
  return found;
}

/** Records of a list look alike: each has a word of its own, or is too long to tell, and none comes back. */
function isList(repeats: readonly Step[]): boolean {
  if (new Set(repeats.map((step) => step.call)).size < repeats.length) return false;
  return isSurvey(repeats) || repeats.some((step) => !isWhole(step.words, WORDS_MAX));
}
