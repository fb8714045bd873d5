// Pattern: the plan is written again and again while nothing in it gets done.
// Must never fire where work is done between two versions of the plan.

import { has, MARK, type Step } from "./step.ts";
import { observed, type Observation } from "./verdict.ts";
import { isNewWish, type PatternWindow } from "./window.ts";

export const PLAN_CHURN = "plan-churn";

export function planChurn(window: PatternWindow): Observation | null {
  const newest = window.plans[0]?.step;
  if (newest === undefined || has(newest, MARK.error)) return null;
  const steps: Step[] = [];
  for (const plan of window.plans) {
    if (plan.step.skeleton !== newest.skeleton) break;
    steps.push(plan.step);
    if (plan.news || isNewWish(plan.user)) break;
  }
  return observed(window, {
    pattern: PLAN_CHURN,
    identity: newest.skeleton,
    steps,
    count: steps.length,
    threshold: window.settings.planChurnCount,
  });
}
