// The floor: the lowest rating a profile lets the router choose, and the pinned model as a second floor.
// Pure. Must never let an unrated model pass where a floor is set.

import type { Deployment } from "../turn/deployment.ts";
import type { Profile } from "../turn/profile.ts";
import { rateQuality } from "./rating.ts";

/** Why the profile's floor rules this deployment out; null when it does not. */
export function belowFloor(deployment: Deployment, profile: Profile): string | null {
  if (profile.floor === null) return null;
  const rating = rateQuality(deployment.quality, profile.qualityKind);
  if (rating === null)
    return `unrated, and ${profile.name} has a floor of ${profile.floor.toFixed(2)}`;
  if (rating.value >= profile.floor) return null;
  return `rated ${rating.value.toFixed(2)}, below ${profile.name}'s floor of ${profile.floor.toFixed(2)}`;
}

/** Why this deployment may not stand in for a pinned model of `homeRating`; null when it may. */
export function belowHome(
  deployment: Deployment,
  profile: Profile,
  homeRating: number | null,
): string | null {
  const rating = rateQuality(deployment.quality, profile.qualityKind);
  if (homeRating === null) {
    return "the pinned model is unrated, so nothing can be shown to be at or above it";
  }
  if (rating === null) return "unrated, so it cannot be shown to be at or above the pinned model";
  if (rating.value >= homeRating) return null;
  return `rated ${rating.value.toFixed(2)}, below the pinned model's ${homeRating.toFixed(2)}`;
}
