// Pattern: a reading tool is asked nearly the same again and again and tells the same each time.
// Must never fire on refinements that move, on lists of targets, or on short confirmations.

import { alike, isSurvey, isSweep } from "./near.ts";
import { has, MARK, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, isNewWish, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const NEAR_RESULT = "same-result-near-calls";

/** Arguments at least this alike are the same question. */
const NEAR_LIKENESS = 0.6;
/** Of questions that find nothing at all less likeness is needed. */
const RELATED_LIKENESS = 0.4;
/** The same few words in another order, with nothing found: one fewer is enough. */
const SHUFFLED_LIKENESS = 0.75;
/** A sweep over numbers may run on this many times as long. */
const SWEEP_FACTOR = 2;

export function sameResultNearCalls(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  return steps
    .filter(isTelling)
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

/** A read whose answer says something, or says that there is nothing. */
function isTelling(step: Step): boolean {
  const other = MARK.error | MARK.mutates | MARK.effects | MARK.polls | MARK.waiting;
  // A path names its target exactly: another path is another question.
  return !has(step, other | MARK.acknowledged | MARK.addressed);
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const empty = has(step, MARK.empty);
  const wanted = empty ? RELATED_LIKENESS : NEAR_LIKENESS;
  const alikes: Alikes = { steps: [], weight: 0, shuffled: [], shuffledWeight: 0 };
  let [gapSteps, news] = [0, false];
  let found: Observation | null = null;
  for (const round of window.rounds) {
    const own = round.steps.filter((other) => other.tool === step.tool);
    // The same tool finds something else: the search moves.
    if (own.some((other) => has(other, MARK.error) || other.result !== step.result)) break;
    const [first] = own;
    const likeness = first === undefined ? 0 : alike(first, step);
    if (first !== undefined && likeness >= wanted) {
      // Something new was learned since the last of them: not stuck now.
      if (alikes.steps.length === 1 && news) return null;
      count(alikes, first, { likeness, weight: news ? SOFT_WEIGHT : 1 });
      found = moreSevere(found, weigh(window, alikes.steps, { weight: alikes.weight, fewer: 0 }));
      if (empty) {
        const shuffled = { weight: alikes.shuffledWeight, fewer: 1 };
        found = moreSevere(found, weigh(window, alikes.shuffled, shuffled));
      }
      [gapSteps, news] = [0, round.news];
    } else {
      gapSteps += round.steps.length;
      news ||= round.news;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    if (isNewWish(round.user)) break;
  }
  return found;
}

interface Alikes {
  readonly steps: Step[];
  weight: number;
  /** Of those with nearly the same words. */
  readonly shuffled: Step[];
  shuffledWeight: number;
}

function count(
  alikes: Alikes,
  step: Step,
  as: { readonly likeness: number; readonly weight: number },
): void {
  alikes.steps.push(step);
  alikes.weight += as.weight;
  if (as.likeness < SHUFFLED_LIKENESS) return;
  alikes.shuffled.push(step);
  alikes.shuffledWeight += as.weight;
}

function weigh(
  window: PatternWindow,
  steps: readonly Step[],
  as: { readonly weight: number; readonly fewer: number },
): Observation | null {
  const [step] = steps;
  if (step === undefined || steps.every((other) => other.call === step.call)) return null;
  if (isSurvey(steps)) return null;
  const patience = (isSweep(steps) ? SWEEP_FACTOR : 1) * (window.task.watch ? SWEEP_FACTOR : 1);
  return observed(window, {
    pattern: NEAR_RESULT,
    identity: `${step.tool}:${step.result}`,
    steps,
    count: steps.length,
    weight: as.weight,
    threshold: window.settings.nearResultCount * patience - as.fewer,
  });
}
