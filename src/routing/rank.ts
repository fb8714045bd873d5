// Puts candidates in the order a profile prefers. Pure. Must never rule a candidate out: that is rules and floor.

import type { Deployment } from "../turn/deployment.ts";
import type { Profile, RankKey } from "../turn/profile.ts";
import { rateQuality } from "./rating.ts";
import { unitHash } from "./unit-hash.ts";

/** What is known of a deployment from its own traffic in this process. */
export interface Measure {
  /** Time to the first byte of an answer, in milliseconds, decaying mean; null: not seen yet. */
  readonly firstByteMs: number | null;
  /** True while it is left alone after failures or a rate limit. */
  readonly cooling: boolean;
}

export interface RankInput {
  readonly profile: Profile;
  readonly measure: (deployment: string) => Measure;
  /** Ties are broken by a hash of this, so that a conversation stays where its prompt cache is warm. */
  readonly affinity: string;
}

/** Two latencies closer than this are equal: noise must not make a choice. */
const LATENCY_STEP_MS = 50;
/** Share of output tokens assumed when a price is turned into one number: agents read far more than they write. */
const OUTPUT_SHARE = 0.2;

/** Best first. Cooling candidates come last whatever their figures, because any other is likelier to answer. */
export function rankDeployments(
  candidates: readonly Deployment[],
  input: RankInput,
): readonly Deployment[] {
  const scored = candidates.map((deployment, position) => ({
    deployment,
    position,
    scores: scoresOf(deployment, input),
  }));
  scored.sort((left, right) => {
    for (let index = 0; index < left.scores.length; index += 1) {
      const difference = (left.scores[index] ?? 0) - (right.scores[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return left.position - right.position;
  });
  return scored.map((entry) => entry.deployment);
}

/** Lower is better, in every place. */
function scoresOf(deployment: Deployment, input: RankInput): readonly number[] {
  const measure = input.measure(deployment.id);
  const keys = input.profile.rankBy.map((key) => score(key, deployment, { measure, input }));
  const tie = unitHash(`${input.affinity}\n${deployment.id}`);
  return [measure.cooling ? 1 : 0, ...keys, tie];
}

function score(
  key: RankKey,
  deployment: Deployment,
  context: { readonly measure: Measure; readonly input: RankInput },
): number {
  if (key === "cost") return blendedPrice(deployment);
  if (key === "quality") {
    const rating = rateQuality(deployment.quality, context.input.profile.qualityKind);
    return rating === null ? 1 : -rating.value;
  }
  // Throughput has no measure of its own yet: the same decaying mean stands for both.
  const { firstByteMs } = context.measure;
  // Never seen counts as fast, so that every candidate gets its first measurement.
  return firstByteMs === null ? 0 : Math.round(firstByteMs / LATENCY_STEP_MS);
}

/** USD per million tokens of a typical mix. An unknown price ranks last, it never counts as free. */
export function blendedPrice(deployment: Deployment): number {
  const { price } = deployment;
  if (price === null) return Number.MAX_VALUE;
  return price.input * (1 - OUTPUT_SHARE) + price.output * OUTPUT_SHARE;
}
