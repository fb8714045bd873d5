// Pattern: a tool fails the same way whatever arguments it is given.
// Must never fire on a survey: many targets, each asked once, each failing alike.

import { alike, isSurvey } from "./near.ts";
import { bareOf, has, isSameError, MARK, nameTargets, saidOf, type Step } from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const VARIED_ERROR = "same-error-varied-calls";

/** Arguments at least this alike are the same try once more. */
const NEAR_LIKENESS = 0.7;
/** Arguments at least this alike ask for the same thing in other words. */
const RELATED_LIKENESS = 0.4;
/** Failures beyond the number of tries that the task itself asked for. */
const BEYOND_ASKED = 2;
/** One failure more when a person spoke in between. */
const ACROSS_USER_EXTRA = 1;

export function sameErrorVariedCalls(window: PatternWindow): Observation | null {
  const steps = window.rounds[0]?.steps ?? [];
  return steps
    .filter((step) => has(step, MARK.error))
    .map((step) => observe(window, step))
    .reduce(moreSevere, null);
}

interface Tries {
  readonly failures: Step[];
  weight: number;
  /** Of those that are nearly the newest call. */
  readonly near: Step[];
  nearWeight: number;
  /** Of those that ask for nearly the same in other words. */
  readonly related: Step[];
  relatedWeight: number;
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const tries: Tries = {
    failures: [],
    weight: 0,
    near: [],
    nearWeight: 0,
    related: [],
    relatedWeight: 0,
  };
  let found: Observation | null = null;
  let [gapSteps, extra] = [0, 0];
  let news = false;
  for (const round of window.rounds) {
    const own = round.steps.filter((other) => other.tool === step.tool);
    // The tool works, or fails in another way now: whatever was before is another story.
    if (own.some((other) => !isSameError(other, step))) break;
    const [first] = own;
    if (first !== undefined) {
      count(tries, first, { step, weight: news ? SOFT_WEIGHT : 1 });
      found = moreSevere(found, weigh(window, tries, extra));
      gapSteps = 0;
      news = round.news;
    } else {
      gapSteps += round.steps.length;
      news ||= round.news;
      if (gapSteps > GAP_STEPS_MAX) break;
    }
    if (round.user === "tick") break;
    if (round.user === "real" || round.user === "retry") extra = ACROSS_USER_EXTRA;
  }
  return found;
}

function count(tries: Tries, failure: Step, as: { step: Step; weight: number }): void {
  tries.failures.push(failure);
  tries.weight += as.weight;
  const likeness = alike(failure, as.step);
  // A path names its target exactly: another one is another question.
  if (likeness < RELATED_LIKENESS || (likeness < NEAR_LIKENESS && has(failure, MARK.addressed))) {
    return;
  }
  tries.related.push(failure);
  tries.relatedWeight += as.weight;
  if (likeness < NEAR_LIKENESS) return;
  tries.near.push(failure);
  tries.nearWeight += as.weight;
}

function weigh(window: PatternWindow, tries: Tries, extra: number): Observation | null {
  const { failures } = tries;
  const [step] = failures;
  if (step === undefined || failures.every((other) => other.call === step.call)) return null;
  const isForm = has(step, MARK.form);
  const isTarget = has(step, MARK.target) || nameTargets(failures);
  if (!isForm && isTarget && isSurvey(failures)) return null;
  const { nearErrorCount, nearResultCount, variedErrorCount } = window.settings;
  const asked = window.task.times === 0 ? 0 : window.task.times + BEYOND_ASKED;
  const identity = `${step.tool}:${commonClass(failures)}`;
  const stretch = (steps: readonly Step[], weight: number, least: number): Observation | null =>
    observed(window, {
      pattern: VARIED_ERROR,
      identity,
      steps,
      count: steps.length,
      weight,
      threshold: Math.max(least + extra, asked),
    });
  const all = stretch(failures, tries.weight, isForm ? nearErrorCount : variedErrorCount);
  const related = stretch(tries.related, tries.relatedWeight, nearResultCount);
  const near = stretch(tries.near, tries.nearWeight, nearErrorCount);
  return [all, related, near].reduce(moreSevere, null);
}

/** What the errors have in common: all of it, or what is left without the words of the calls. */
function commonClass(failures: readonly Step[]): string {
  const said = new Set(failures.map(saidOf));
  const [newest] = failures;
  if (newest === undefined) return "";
  return said.size === 1 ? saidOf(newest) : bareOf(newest);
}
