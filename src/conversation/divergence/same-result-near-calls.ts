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
/** Calls this much alike, whose answer is too long to be equal by chance, take one more. */
const DISTANT_LIKENESS = 0.25;
const DISTANT_EXTRA = 1;
/** Repeats beyond the number that the task itself asked for. */
const BEYOND_ASKED = 2;
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
  const telling = has(step, MARK.telling);
  const wanted = telling ? DISTANT_LIKENESS : empty ? RELATED_LIKENESS : NEAR_LIKENESS;
  const alikes: Alikes = { steps: [], weight: 0, shuffled: [], shuffledWeight: 0 };
  // Of a long answer the nearer calls are the ones that take fewer.
  const closer = telling ? NEAR_LIKENESS : SHUFFLED_LIKENESS;
  const extra = telling ? DISTANT_EXTRA : 0;
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
      count(alikes, first, { closer: likeness >= closer, weight: news ? SOFT_WEIGHT : 1 });
      found = moreSevere(found, weigh(window, alikes.steps, { weight: alikes.weight, extra }));
      if (empty || telling) {
        const shuffled = { weight: alikes.shuffledWeight, extra: extra - 1 };
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
  /** Of those that are nearer still. */
  readonly shuffled: Step[];
  shuffledWeight: number;
}

function count(
  alikes: Alikes,
  step: Step,
  as: { readonly closer: boolean; readonly weight: number },
): void {
  alikes.steps.push(step);
  alikes.weight += as.weight;
  if (!as.closer) return;
  alikes.shuffled.push(step);
  alikes.shuffledWeight += as.weight;
}

function weigh(
  window: PatternWindow,
  steps: readonly Step[],
  as: { readonly weight: number; readonly extra: number },
): Observation | null {
  const [step] = steps;
  if (step === undefined || steps.every((other) => other.call === step.call)) return null;
  // Pages that hold the same rows are no pages.
  const stuck = has(step, MARK.telling) && steps.every((one) => one.skeleton === step.skeleton);
  if (!stuck && isSurvey(steps)) return null;
  const sweeps = !stuck && isSweep(steps);
  const patience = (sweeps ? SWEEP_FACTOR : 1) * (window.task.watch ? SWEEP_FACTOR : 1);
  const asked = window.task.times === 0 ? 0 : window.task.times + BEYOND_ASKED;
  return observed(window, {
    pattern: NEAR_RESULT,
    identity: `${step.tool}:${step.result}`,
    steps,
    count: steps.length,
    weight: as.weight,
    threshold: Math.max(window.settings.nearResultCount * patience + as.extra, asked),
  });
}
