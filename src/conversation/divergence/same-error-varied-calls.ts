// Pattern: a tool fails the same way whatever arguments it is given.
// Must never fire on a survey: many targets, each asked once, each failing alike.

import { alike, isSurvey } from "./near.ts";
import {
  ERROR_PART_CHARACTERS,
  has,
  isSameError,
  MARK,
  namesAsked,
  type Step,
} from "./step.ts";
import { moreSevere, observed, type Observation } from "./verdict.ts";
import { GAP_STEPS_MAX, SOFT_WEIGHT, type PatternWindow } from "./window.ts";

export const VARIED_ERROR = "same-error-varied-calls";

/** Arguments at least this alike are the same try once more. */
const NEAR_LIKENESS = 0.7;
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
}

function observe(window: PatternWindow, step: Step): Observation | null {
  const tries: Tries = { failures: [], weight: 0, near: [], nearWeight: 0 };
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
  if (alike(failure, as.step) < NEAR_LIKENESS) return;
  tries.near.push(failure);
  tries.nearWeight += as.weight;
}

function weigh(window: PatternWindow, tries: Tries, extra: number): Observation | null {
  const { failures } = tries;
  const [step] = failures;
  if (step === undefined || failures.every((other) => other.call === step.call)) return null;
  const isForm = has(step, MARK.form);
  const isTarget = has(step, MARK.target) || namesAsked(step);
  if (!isForm && isTarget && isSurvey(failures)) return null;
  const { nearErrorCount, variedErrorCount } = window.settings;
  const identity = `${step.tool}:${commonClass(failures)}`;
  const all = observed(window, {
    pattern: VARIED_ERROR,
    identity,
    steps: failures,
    count: failures.length,
    weight: tries.weight,
    threshold: (isForm ? nearErrorCount : variedErrorCount) + extra,
  });
  const near = observed(window, {
    pattern: VARIED_ERROR,
    identity,
    steps: tries.near,
    count: tries.near.length,
    weight: tries.nearWeight,
    threshold: nearErrorCount + extra,
  });
  return moreSevere(all, near);
}

/** What the errors have in common: all of it, or what is left without the words of the calls. */
function commonClass(failures: readonly Step[]): string {
  const said = new Set(failures.map((step) => step.errorClass.slice(0, ERROR_PART_CHARACTERS)));
  const [newest] = failures;
  const [only] = said;
  if (said.size === 1 && only !== undefined) return only;
  return newest?.errorClass.slice(ERROR_PART_CHARACTERS) ?? "";
}
