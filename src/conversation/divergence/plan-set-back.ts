// Pattern: what the plan called finished is taken up again, and again, and the plan stands where it stood.
// Must never fire on a plan that grows, nor after somebody asked for something new.

import { has, MARK, type Step } from "./step.ts";
import { observed, type Observation } from "./verdict.ts";
import { isNewWish, type PatternWindow } from "./window.ts";

export const PLAN_SET_BACK = "plan-set-back";

export function planSetBack(window: PatternWindow): Observation | null {
  const newest = window.plans[0]?.step;
  if (newest === undefined || !has(newest, MARK.setBack)) return null;
  const steps: Step[] = [];
  for (const plan of window.plans) {
    // Another state of the plan is another story; the way to it lies between.
    const back = has(plan.step, MARK.setBack) && plan.step.skeleton === newest.skeleton;
    if (back) steps.push(plan.step);
    if (isNewWish(plan.user)) break;
  }
  return observed(window, {
    pattern: PLAN_SET_BACK,
    identity: newest.skeleton,
    steps,
    count: steps.length,
    threshold: window.settings.planSetBackCount,
  });
}
