// The attempts of a turn whose conversation is pinned: how a pin heals.
// Pure. Must never offer another model to a locked conversation unless its profile allows one at or above the pin.

import type { Deployment } from "../turn/deployment.ts";
import { AUTO_MODEL } from "./candidates.ts";
import { belowFloor, belowHome } from "./floor.ts";
import type { PinView, PlanInput, PlannedAttempt, Routed } from "./plan.ts";
import { rankDeployments } from "./rank.ts";
import { missing, sift, type Exclusion } from "./rules.ts";

/** The attempts of a pinned turn: the pinned model where it was, elsewhere, then what the profile allows. */
export function pinnedAttempts(
  candidates: readonly Deployment[],
  input: PinnedInput,
  pin: PinView,
): Routed {
  const held = pin.substitute ?? {
    deployment: pin.away ?? pin.home.deployment,
    model: pin.home.model,
  };
  const rank = {
    profile: input.profile,
    measure: input.measure,
    affinity: input.split.affinity ?? "",
  };
  const same = sameModel(candidates, held, input);
  const attempts = inPinOrder(rankDeployments(same, rank), held.deployment, input).map(
    (deployment): PlannedAttempt =>
      deployment.id === held.deployment
        ? { deployment, reason: "pinned to this conversation", hop: "none" }
        : { deployment, reason: "pinned model, served elsewhere", hop: "same-model" },
  );
  const others = otherModels(candidates, input, pin);
  const rest = rankDeployments(others.kept, rank).map((deployment): PlannedAttempt => {
    const stands = input.profile.pin.mode === "lock" && pin.served;
    if (!stands) {
      const can = same.length > 0;
      const reason = can ? "the pinned model failed" : "the pinned model cannot serve this request";
      return { deployment, reason, hop: "move" };
    }
    const back = deployment.model === pin.home.model;
    return {
      deployment,
      reason: back ? "the pinned model again" : "stands in for the pinned model, at or above it",
      hop: back ? "return" : "substitute",
    };
  });
  return { attempts: [...attempts, ...rest], exclusions: others.exclusions };
}

/** `policy`: a condition of the operator's chose the candidates, so nothing else may serve. */
interface PinnedInput extends PlanInput {
  readonly policy: boolean;
}

function sameModel(
  candidates: readonly Deployment[],
  held: { readonly model: string; readonly deployment: string },
  input: PinnedInput,
): readonly Deployment[] {
  const named = candidates.filter((deployment) => deployment.model === held.model);
  // The pinned model stays reachable when a logical name or an arm no longer leads to it.
  // Unless a condition of the operator's ruled it out: residency outranks the pin.
  if (named.length > 0 || explicit(input) || input.policy) return named;
  return input.names.deployments.filter(
    (deployment) => deployment.model === held.model && missing(deployment, input.needs) === null,
  );
}

function explicit(input: PinnedInput): boolean {
  return input.requested !== AUTO_MODEL && !input.names.logicalModels.has(input.requested);
}

/** The deployment of last time first, unless it is cooling and another one is not. */
function inPinOrder(
  ranked: readonly Deployment[],
  current: string,
  input: PinnedInput,
): readonly Deployment[] {
  const now = ranked.find((deployment) => deployment.id === current);
  if (now === undefined || input.measure(current).cooling) return ranked;
  return [now, ...ranked.filter((deployment) => deployment !== now)];
}

function otherModels(
  candidates: readonly Deployment[],
  input: PinnedInput,
  pin: PinView,
): { kept: readonly Deployment[]; exclusions: readonly Exclusion[] } {
  const { profile } = input;
  const held = pin.substitute?.model ?? pin.home.model;
  const others = candidates.filter((deployment) => deployment.model !== held);
  // A pin that never answered binds nobody yet: no turn has seen its model.
  const locked = profile.pin.mode === "lock" && pin.served;
  if (locked && profile.pin.substitute === "never") {
    return sift(others, () => "another model: this profile locks the conversation to its model");
  }
  return sift(others, (deployment) => {
    const reason = belowFloor(deployment, profile);
    if (!locked || reason !== null || deployment.model === pin.home.model) return reason;
    return belowHome(deployment, profile, pin.home.rating);
  });
}
