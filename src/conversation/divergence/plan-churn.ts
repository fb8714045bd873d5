// Pattern: the plan is written again and again while nothing in it gets done.
// Must never fire where work is done between two versions of the plan.

import { has, MARK, type Step } from "./step.ts";
import { observed, type Observation } from "./verdict.ts";
import { isNewWish, type PatternWindow } from "./window.ts";

export const PLAN_CHURN = "plan-churn";

/** What a version counts that comes after a single call with news: a look aside is not the work. */
const LOOKED_WEIGHT = 0.5;
/** What a version counts that has other items, but no finished one more. */
const OTHER_ITEMS_WEIGHT = 0.5;

export function planChurn(window: PatternWindow): Observation | null {
  const [latest] = window.plans;
  // Whoever has just learned something is not stuck now.
  if (latest === undefined || latest.news || has(latest.step, MARK.error)) return null;
  const newest = latest.step;
  const steps: Step[] = [];
  let weight = 0;
  for (const plan of window.plans) {
    const same = plan.step.skeleton === newest.skeleton;
    if (has(plan.step, MARK.error) || (!same && plan.step.sum !== newest.sum)) break;
    steps.push(plan.step);
    weight += (plan.news ? LOOKED_WEIGHT : 1) * (same ? 1 : OTHER_ITEMS_WEIGHT);
    if ((plan.news && plan.calls > 1) || isNewWish(plan.user)) break;
  }
  return observed(window, {
    pattern: PLAN_CHURN,
    identity: newest.skeleton,
    steps,
    count: steps.length,
    weight,
    threshold: window.settings.planChurnCount,
  });
}
