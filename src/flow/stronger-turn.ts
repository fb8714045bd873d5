// What becomes of a turn that was given to a stronger model when its decision could not be stored. Pure.
// Must never let a turn leave its pin without a row that says so (I2).

import type { Decision } from "./decide.ts";

/** A turn on a stronger model that no row would remember is not taken either. */
export function withoutException(decision: Decision): Decision {
  const { plan, stronger } = decision;
  if (plan === null || stronger === null || stronger.deployment === null) return decision;
  const attempts = plan.attempts.filter(({ hop }) => hop !== "exception");
  const reason = "the decision could not be stored, so the turn stays on its model";
  return {
    ...decision,
    plan: { ...plan, attempts, reason: attempts[0]?.reason ?? plan.reason },
    stronger: { deployment: null, reason },
  };
}
