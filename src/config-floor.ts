// Whether a profile's floor can be met by what is configured, and what to write when it cannot.
// Pure. Must never lower a floor or rate a model: it only tells.

import { belowFloor } from "./routing/floor.ts";
import { rateQuality } from "./routing/rating.ts";
import type { Deployment } from "./turn/deployment.ts";
import type { Profile } from "./turn/profile.ts";

export interface FloorReach {
  /** Deployments the router may choose under this profile. */
  readonly eligible: number;
  /** The best rated one, even when it is below the floor; null when none is rated. */
  readonly best: { readonly deployment: Deployment; readonly value: number } | null;
}

/** What of `deployments` the floor of `profile` lets through. Without a floor: all of them. */
export function floorReach(profile: Profile, deployments: readonly Deployment[]): FloorReach {
  let eligible = 0;
  let best: FloorReach["best"] = null;
  for (const deployment of deployments) {
    const value = rateQuality(deployment.quality, profile.qualityKind)?.value ?? null;
    if (belowFloor(deployment, profile) === null) {
      eligible += 1;
    }
    if (value !== null && (best === null || value > best.value)) {
      best = { deployment, value };
    }
  }
  return { eligible, best };
}

/** One notice per profile whose floor nothing reaches, with the line that would change it. */
export function floorNotices(
  profiles: Iterable<Profile>,
  deployments: readonly Deployment[],
): readonly string[] {
  const notices: string[] = [];
  for (const profile of profiles) {
    const { eligible, best } = floorReach(profile, deployments);
    if (profile.floor === null || eligible > 0) {
      continue;
    }
    const { name, floor, qualityKind } = profile;
    const nearest =
      best === null
        ? "none is rated at all"
        : `the best is ${best.deployment.id} at ${best.value.toFixed(2)}`;
    const model = (best?.deployment ?? deployments[0])?.model ?? "MODEL";
    const line = `ratings: { ${JSON.stringify(model)}: { ${qualityKind}: ${floor} } }`;
    notices.push(
      `profile ${name}: no model is rated ${floor.toFixed(2)} or more for ${qualityKind} work ` +
        `(${nearest}), so the router can choose none; a model named by the caller is served. ` +
        `To rate one yourself, write: ${line}`,
    );
  }
  return notices;
}
