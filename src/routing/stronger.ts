// One turn on a stronger model than the one a conversation is held to: which, or why none.
// Pure. Must never offer a model that is not rated above the held one, nor leave a model that the caller has named.

import type { Deployment } from "../turn/deployment.ts";
import type { Profile } from "../turn/profile.ts";
import { resolveModel } from "./candidates.ts";
import { belowFloor } from "./floor.ts";
import { PLAN_ATTEMPTS_MAX, type Plan, type PlanInput, type PlannedAttempt } from "./plan.ts";
import { rankDeployments } from "./rank.ts";
import { rateQuality } from "./rating.ts";
import { missing } from "./rules.ts";

/** Most deployments of the stronger model that are tried before the turn goes where it always goes. */
const STRONGER_ATTEMPTS_MAX = 2;

const STRONGER_REASON = "one turn on a stronger model, because a loop outlived its corrections";

export interface StrongerTurn {
  /** What was planned first; null when nothing could be, and the turn stays where it was. */
  readonly deployment: string | null;
  readonly reason: string;
}

/**
 * The plan with the stronger model in front of everything else. Without one the plan stays as it is: a loop
 * must never cost the turn.
 */
export function planStronger(
  plan: Plan,
  input: PlanInput,
): { readonly plan: Plan; readonly stronger: StrongerTurn } {
  const stays = (reason: string) => ({ plan, stronger: { deployment: null, reason } });
  const usual = plan.attempts[0]?.deployment;
  const resolution = resolveModel(input.requested, input.names, input.split);
  if (usual === undefined || resolution === null) return stays("there is nothing to compare with");
  const named = resolution.kind === "deployment" || resolution.kind === "model";
  if (named) return stays("the caller has named the model, so no other one may answer");
  const least = yardstick(usual, input);
  if (least === null) {
    return stays(
      "the model of this conversation is unrated, so nothing can be shown to be above it",
    );
  }
  const stronger = resolution.candidates.filter((deployment) =>
    isStronger(deployment, { least, usual, input }),
  );
  const affinity = input.split.affinity ?? "";
  const ranked = rankDeployments(stronger, { ...input, affinity });
  const [best] = ranked;
  if (best === undefined) {
    return stays(`no model above ${least.toFixed(2)} may be chosen for this turn`);
  }
  const attempts = ranked
    .filter(({ model }) => model === best.model)
    .slice(0, STRONGER_ATTEMPTS_MAX)
    .map((deployment): PlannedAttempt => ({
      deployment,
      reason: STRONGER_REASON,
      hop: "exception",
    }));
  const front = new Set(attempts.map(({ deployment }) => deployment));
  const rest = plan.attempts.filter(({ deployment }) => !front.has(deployment));
  return {
    plan: {
      ...plan,
      strategy: "stronger_turn",
      reason: STRONGER_REASON,
      attempts: [...attempts, ...rest].slice(0, PLAN_ATTEMPTS_MAX),
    },
    stronger: { deployment: best.id, reason: STRONGER_REASON },
  };
}

/** The highest rating this conversation has had: of the pin's home, and of what would answer now. */
function yardstick(usual: Deployment, { pin, profile }: PlanInput): number | null {
  const now = ratingOf(usual, profile);
  if (pin === null) return now;
  return pin.home.rating === null || now === null ? null : Math.max(pin.home.rating, now);
}

function isStronger(
  deployment: Deployment,
  than: { readonly least: number; readonly usual: Deployment; readonly input: PlanInput },
): boolean {
  const { needs, profile, measure } = than.input;
  if (deployment.model === than.usual.model || measure(deployment.id).cooling) return false;
  if (missing(deployment, needs) !== null || belowFloor(deployment, profile) !== null) return false;
  return (ratingOf(deployment, profile) ?? 0) > than.least;
}

function ratingOf(deployment: Deployment, profile: Profile): number | null {
  return rateQuality(deployment.quality, profile.qualityKind)?.value ?? null;
}
